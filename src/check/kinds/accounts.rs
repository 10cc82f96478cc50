//! Users and groups by name and by number, as this machine's name service has them.

use nix::unistd::{Gid, Group, Uid, User};

/// A user's name, or the number where it has none here.
pub(super) fn user_name(id: u32) -> String {
    User::from_uid(Uid::from_raw(id)).ok().flatten().map_or_else(|| id.to_string(), |user| user.name)
}

/// A group's name, or the number where it has none here.
pub(super) fn group_name(id: u32) -> String {
    Group::from_gid(Gid::from_raw(id)).ok().flatten().map_or_else(|| id.to_string(), |group| group.name)
}

/// The number of a user given by name or number; `None` where there is no such user here.
pub(super) fn user_id(text: &str) -> Option<u32> {
    text.parse().ok().or_else(|| User::from_name(text).ok().flatten().map(|user| user.uid.as_raw()))
}

/// The number of a group given by name or number; `None` where there is no such group here.
pub(super) fn group_id(text: &str) -> Option<u32> {
    text.parse().ok().or_else(|| Group::from_name(text).ok().flatten().map(|group| group.gid.as_raw()))
}
