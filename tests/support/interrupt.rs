//! Pressing Ctrl-C.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::xdoctor::{Run, command};

/// The document of a command that was interrupted (exit status 3) once it had come so far; on a busy machine that takes longer.
#[track_caller]
pub fn interrupted(args: &[&str], has_come_far: impl Fn(&Value) -> bool) -> Value {
    for seconds in [2, 8, 32] {
        let child = command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("xdoctor starts");
        std::thread::sleep(Duration::from_secs(seconds));
        kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
        let document = Run::of(child.wait_with_output().expect("it ends")).exits(3).json();
        if has_come_far(&document) {
            return document;
        }
    }
    panic!("it never came so far");
}
