//! One process's threads, their registers and their memory.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use super::maps::{Mapping, Maps};
use super::system_calls;
use super::{Frame, ThreadStack};

/// How much of a stack is searched, in bytes from its top.
const STACK: u64 = 64 << 10;
/// How many frames are kept of one thread.
const FRAMES: usize = 32;
/// The longest call instruction that is looked for, in bytes.
const LONGEST_CALL: usize = 7;

pub(super) struct Process {
    pid: u32,
    maps: Maps,
    memory: io::Result<File>,
}

/// What /proc/PID/task/TID/syscall says of a thread that is not running.
#[derive(Debug, PartialEq, Eq)]
struct Registers {
    call: Option<u32>,
    until_woken: bool,
    stack: u64,
    code: u64,
}

impl Process {
    pub fn open(pid: u32) -> Process {
        Process { pid, maps: Maps::of(pid), memory: File::open(format!("/proc/{pid}/mem")) }
    }

    /// Each thread's stack; none where the process is gone, or a zombie, which has no memory.
    pub fn stacks(&self, most: usize) -> Vec<ThreadStack> {
        if self.memory.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::PermissionDenied) {
            return Vec::new();
        }
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten().flatten();
        let mut ids: Vec<u32> = threads.filter_map(|thread| thread.file_name().to_str()?.parse().ok()).collect();
        ids.sort_unstable();
        ids.into_iter().take(most).filter_map(|tid| self.stack(tid)).collect()
    }

    /// `None` where the thread is gone.
    fn stack(&self, tid: u32) -> Option<ThreadStack> {
        let read = |file: &str| fs::read(format!("/proc/{}/task/{tid}/{file}", self.pid));
        let name = String::from_utf8_lossy(&read("comm").ok()?).trim_end_matches('\n').to_owned();
        let (pid, frames) = (self.pid, Vec::new());
        let mut stack = ThreadStack { pid, tid, name, waits_in: None, until_woken: false, frames, unseen: None };
        match read("syscall").as_deref().map(registers) {
            Ok(Some(registers)) => {
                stack.waits_in = registers.call.map(system_calls::name);
                stack.until_woken = registers.until_woken;
                stack.frames = self.frames(&registers);
                let refused = self.memory.as_ref().err();
                stack.unseen = refused.map(|error| format!("its memory cannot be read: {error}"));
            }
            Ok(None) => stack.unseen = Some("it is running, so that its registers are not to be had".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                stack.unseen = Some(format!("it may not be looked at: {error}"));
            }
            // Gone, or so nearly that its memory is (ESRCH).
            Err(_) => return None,
        }
        Some(stack)
    }

    fn frames(&self, registers: &Registers) -> Vec<Frame> {
        let here = self.maps.code(registers.code).map(|mapping| frame(mapping, registers.code));
        let stack = self.read(registers.stack, self.depth(registers.stack));
        let (words, _) = stack.as_chunks::<8>();
        let callers = words.iter().map(|&word| u64::from_le_bytes(word)).filter_map(|address| self.caller(address));
        here.into_iter().chain(callers).take(FRAMES).collect()
    }

    /// Where the call stands that returns to `address`, if one does.
    fn caller(&self, address: u64) -> Option<Frame> {
        let mapping = self.maps.code(address)?;
        let before = address.checked_sub(LONGEST_CALL as u64)?;
        is_call_end(&self.read(before, LONGEST_CALL)).then(|| frame(mapping, address - 1))
    }

    /// How many bytes from here to the stack's bottom, up to the limit.
    fn depth(&self, stack: u64) -> usize {
        self.maps.at(stack).map_or(0, |mapping| (mapping.addresses.end - stack).min(STACK) as usize)
    }

    /// As many of the bytes at an address as can be read.
    fn read(&self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let read = self.memory.as_ref().map_or(0, |memory| memory.read_at(&mut bytes, address).unwrap_or(0));
        bytes.truncate(read);
        bytes
    }
}

/// The offset is one in the file, for now: [`super::names`] knows the file's segments.
fn frame(mapping: &Mapping, address: u64) -> Frame {
    let offset = address - mapping.addresses.start + mapping.offset;
    Frame { function: None, object: mapping.path.clone(), offset }
}

/// `running`, or the system call's number and arguments (-1 and none outside one), stack pointer, program counter.
fn registers(line: &[u8]) -> Option<Registers> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_whitespace();
    let call = u32::try_from(words.next()?.parse::<i64>().ok()?).ok();
    let numbers = words.map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
    let numbers = numbers.collect::<Option<Vec<u64>>>()?;
    let (arguments, &[stack, code]) = numbers.split_last_chunk()?;
    let until_woken = call.is_some_and(|call| system_calls::waits_until_woken(call, arguments));
    Some(Registers { call, until_woken, stack, code })
}

/// Whether the last of these bytes end a call instruction (x86-64): `e8` with 32 bits of distance, or `ff /2` with a
/// register, a memory operand, or one with a SIB byte, and a displacement of 0, 8 or 32 bits.
fn is_call_end(bytes: &[u8]) -> bool {
    let behind = |length: usize| bytes.len().checked_sub(length).and_then(|start| bytes.get(start..));
    let near = behind(5).is_some_and(|call| call[0] == 0xe8);
    let through = |length: usize| {
        behind(length).is_some_and(|call| {
            let (mode, register, operand) = (call[1] >> 6, call[1] >> 3 & 7, call[1] & 7);
            let sib = usize::from(mode != 3 && operand == 4);
            let displacement = match (mode, operand) {
                (0, 5) | (2, _) => 4,
                (1, _) => 1,
                _ => 0,
            };
            call[0] == 0xff && register == 2 && length == 2 + sib + displacement
        })
    };
    near || [2, 3, 4, 6, 7].into_iter().any(through)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_read_of_a_waiting_and_of_a_stopped_thread_and_not_of_a_running_one() {
        let waiting = b"202 0x1 0x2 0x3 0x4 0x5 0x6 0x7ffe10 0x7f00\n";
        let (until_woken, stack, code) = (false, 0x7ffe10, 0x7f00);
        assert_eq!(registers(waiting), Some(Registers { call: Some(202), until_woken, stack, code }));
        let stopped = b"-1 0x7ffe10 0x7f00\n";
        assert_eq!(registers(stopped), Some(Registers { call: None, until_woken, stack, code }));
        for other in [&b"running\n"[..], b"", b"1", b"-1 x y", b"\xff"] {
            assert_eq!(registers(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_ends_of_call_instructions_are_told_from_other_bytes() {
        let calls: [&[u8]; 8] = [
            &[0xe8, 1, 2, 3, 4],             // call near
            &[0xff, 0xd0],                   // call *%rax
            &[0x41, 0xff, 0xd4],             // call *%r12
            &[0xff, 0x15, 1, 2, 3, 4],       // call *0x4030201(%rip)
            &[0xff, 0x50, 8],                // call *8(%rax)
            &[0xff, 0x54, 0x24, 8],          // call *8(%rsp)
            &[0xff, 0x90, 1, 2, 3, 4],       // call *0x4030201(%rax)
            &[0xff, 0x94, 0xc8, 1, 2, 3, 4], // call *0x4030201(%rax,%rcx,8)
        ];
        for call in calls {
            assert!(is_call_end(&[&[0x90; LONGEST_CALL], call].concat()), "{call:x?}");
        }
        for other in [&[][..], &[0x90], &[0xff, 0xe0], &[0xff, 0x25, 1, 2, 3, 4], &[0xff, 0x15, 1, 2, 3], &[0x90; 7]] {
            assert!(!is_call_end(other), "{other:x?}");
        }
    }
}
