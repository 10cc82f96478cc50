//! The deadlock of the loader's lock: a constructor inside dlopen waits for a thread that itself waits for the loader.

use std::path::Path;

use super::{Frame, ThreadStack};

/// Recognises it: one thread is inside dlopen and runs a constructor of what is being opened, so that it holds glibc's
/// `dl_load_lock` (elf/dl-open.c); another thread of that process waits for this lock (dlsym, dlopen, dlclose, dladdr,
/// or a lazy binding). The answer names both.
///
/// glibc's inner functions have no dynamic symbols: they are told by the object that they are in (ld.so) and by the
/// exported functions around them (`dlopen`, `dlsym`, `pthread_mutex_lock`).
pub fn deadlocked_in_loader(stacks: &[ThreadStack]) -> Option<String> {
    stacks.iter().filter(|stack| waited_for_lock(stack).is_none()).find_map(|holder| {
        let constructor = constructor_in_dlopen(&holder.frames)?;
        let others = stacks.iter().filter(|other| other.pid == holder.pid && other.tid != holder.tid);
        let (waiter, call) = others.filter_map(|other| Some((other, waited_for_lock(other)?))).next()?;
        let title = |stack: &ThreadStack| format!("thread {} ({})", stack.tid, stack.name);
        Some(format!(
            "{} holds the loader's lock: it is inside dlopen, where the constructor {constructor} of {} waits{}; {} \
             waits for that lock in {call}, called from {}",
            title(holder),
            constructor.object.display(),
            holder.waits_in.as_ref().map(|call| format!(" in {call}")).unwrap_or_default(),
            title(waiter),
            caller(&waiter.frames).map_or_else(|| "an unknown place".to_owned(), ToString::to_string),
        ))
    })
}

/// The frame that ld.so called on behalf of dlopen. dlopen keeps its caller's address, which so stands on the stack once
/// more among the loader's frames: it is not the one.
fn constructor_in_dlopen(frames: &[Frame]) -> Option<&Frame> {
    let opened = frames.iter().position(|frame| is_function(frame, &["dlopen", "dlmopen"]))?;
    let (inside, outside) = frames.split_at(opened);
    let called = inside.windows(2).filter(|pair| !is_system(&pair[0]) && is_loader(&pair[1].object));
    called.map(|pair| &pair[0]).rfind(|frame| !outside.contains(frame))
}

/// What the thread called that takes the loader's lock, if it waits for that: innermost a mutex, then ld.so or one of
/// libdl's functions, before anything that is not the system's.
fn waited_for_lock(stack: &ThreadStack) -> Option<String> {
    let inner: Vec<&Frame> = stack.frames.iter().take_while(|frame| is_system(frame)).collect();
    let locked = inner.iter().position(|frame| is_function(frame, &["pthread_mutex_lock"]))?;
    let outward = &inner[locked + 1..];
    let taker = outward.iter().rev().find(|frame| is_function(frame, TAKERS)).map(ToString::to_string);
    let binding = || outward.first().filter(|frame| is_loader(&frame.object)).map(|_| "a lazy binding".to_owned());
    (stack.waits_in.as_deref() == Some("futex")).then(|| taker.or_else(binding)).flatten()
}

/// The first function that is not the system's.
fn caller(frames: &[Frame]) -> Option<&Frame> {
    frames.iter().find(|frame| !is_system(frame))
}

/// What takes `dl_load_lock`.
const TAKERS: &[&str] = &["dlsym", "dlvsym", "dlopen", "dlmopen", "dlclose", "dladdr", "dladdr1", "dlinfo"];

fn is_function(frame: &Frame, names: &[&str]) -> bool {
    let name = frame.function.as_deref().map(|name| name.trim_start_matches('_'));
    is_system(frame) && name.is_some_and(|name| names.contains(&name))
}

/// ld.so, libc, or what was apart from libc before 2.34.
fn is_system(frame: &Frame) -> bool {
    let starts = ["libc.so", "libc-", "libdl.so", "libdl-", "libpthread.so", "libpthread-"];
    is_loader(&frame.object) || file_name(&frame.object).is_some_and(|name| starts.iter().any(|s| name.starts_with(s)))
}

fn is_loader(object: &Path) -> bool {
    file_name(object).is_some_and(|name| name.starts_with("ld-linux") || name.starts_with("ld-2."))
}

fn file_name(object: &Path) -> Option<&str> {
    object.file_name()?.to_str()
}
