//! Where a program stands is told by the names of its functions, and a deadlock in the loader is recognised.

mod support {
    pub mod bundle;
    pub mod c;
}

use std::path::Path;
use std::time::Duration;

use support::bundle;
use support::c::compile;
use xdoctor::probe::stacks::{self, deadlocked_in_loader};
use xdoctor::probe::{Child, Ended, Ending, Limits, Observer, ThreadStack};

/// Runs it until its time is up.
fn ended(program: &Path, args: &[&Path]) -> Ended {
    until_its_time_is_up(Child::new(program).args(args))
}

fn until_its_time_is_up(child: Child) -> Ended {
    let limits = Limits { time: Duration::from_millis(1500), ..Limits::default() };
    let ended = child.limits(limits).run().expect("it starts");
    assert_eq!(ended.ending, Ending::TimeLimit);
    ended
}

/// The thread that executes this function.
#[track_caller]
fn with<'a>(stacks: &'a [ThreadStack], function: &str) -> &'a ThreadStack {
    let named = |stack: &&ThreadStack| stack.frames.iter().any(|frame| frame.function.as_deref() == Some(function));
    stacks.iter().find(named).unwrap_or_else(|| panic!("no thread in {function}:\n{}", shown(stacks)))
}

fn shown(stacks: &[ThreadStack]) -> String {
    stacks.iter().map(|stack| format!("{stack}\n")).collect()
}

#[test]
fn threads_that_wait_for_a_mutex_are_shown_with_the_functions_that_called() {
    let folder = tempfile::tempdir().expect("scratch");
    let program = compile(folder.path(), "stacks.c", "stacks", &[]);
    let ended = ended(&program, &["mutex".as_ref()]);
    assert_eq!(ended.stacks.len(), 3, "{}", shown(&ended.stacks));
    for function in ["first_waiter", "second_waiter"] {
        let stack = with(&ended.stacks, function);
        assert_eq!(stack.waits_in.as_deref(), Some("futex"));
        let line = stack.to_string();
        assert!(line.contains("(stacks) waits in futex: "), "{line}");
        assert!(line.contains(&format!("pthread_mutex_lock < {function}")), "{line}");
    }
    let holder = with(&ended.stacks, "hold_the_lock");
    assert!(holder.tid == holder.pid && holder.frames.iter().any(|frame| frame.object == program));
    assert_eq!(deadlocked_in_loader(&ended.stacks), None);
}

#[test]
fn a_thread_that_computes_is_shown_where_it_does() {
    let folder = tempfile::tempdir().expect("scratch");
    let ended = ended(&compile(folder.path(), "stacks.c", "stacks", &[]), &["spin".as_ref()]);
    let [stack] = &ended.stacks[..] else { panic!("one thread: {}", shown(&ended.stacks)) };
    assert_eq!((stack.waits_in.as_ref(), stack.unseen.as_ref()), (None, None));
    assert_eq!(stack.frames[0].function.as_deref(), Some("spin_for_ever"), "{stack}");
    assert!(stack.to_string().contains("is computing: spin_for_ever < main"), "{stack}");
}

#[test]
fn a_constructor_that_waits_for_a_thread_which_asks_the_loader_is_a_deadlock() {
    let folder = tempfile::tempdir().expect("scratch");
    let program = compile(folder.path(), "stacks.c", "stacks", &[]);
    for (function, more) in [("dlsym", None), ("dlopen", Some("-DOPENS"))] {
        let name = format!("asks_{function}.so");
        let flags: Vec<&str> = ["-DPLUGIN", "-shared", "-fPIC"].into_iter().chain(more).collect();
        let module = compile(folder.path(), "stacks.c", &name, &flags);
        let observer = observer(&folder.path().join(format!("observed_{function}")));
        for child in [Child::new(&program), observer.watch(Child::new(&program))] {
            let ended = until_its_time_is_up(child.args(["open".as_ref(), module.as_os_str()]));
            let said = deadlocked_in_loader(&ended.stacks).unwrap_or_else(|| panic!("{}", shown(&ended.stacks)));
            let waits = format!("in {function}, called from ask_the_loader");
            let wanted = ["the constructor wait_in_constructor of", &name, &waits];
            assert!(wanted.iter().all(|wanted| said.contains(wanted)), "{said}");
        }
    }
}

/// One that watches for what no program calls.
fn observer(folder: &Path) -> Observer {
    let names = ["hipMalloc".to_owned()];
    Observer::set_up(&bundle::file("lib/libxdoctor-observer.so"), folder, &names).expect("it can be set up")
}

#[test]
fn a_stripped_program_still_shows_its_file_and_the_addresses() {
    let folder = tempfile::tempdir().expect("scratch");
    let program = compile(folder.path(), "stacks.c", "stacks", &["-s"]);
    let ended = ended(&program, &["spin".as_ref()]);
    let place = &ended.stacks[0].frames[0];
    assert!(place.function.is_none() && place.object == program && place.to_string().starts_with("stacks+0x"));
}

#[test]
fn who_may_not_be_looked_at_says_so() {
    let look = || {
        // The rights of this one thread, and so of what it looks at in /proc.
        let nobody = rustix::process::Uid::from_raw(65534);
        if rustix::process::geteuid().is_root() {
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("root may");
        }
        stacks::of(&[1])
    };
    let stacks = std::thread::spawn(look).join().expect("no panic");
    let first = stacks.first().expect("process 1 has a thread");
    assert!(first.unseen.as_deref().is_some_and(|why| why.contains("may not be looked at")), "{first}");
    assert!(first.frames.is_empty() && first.to_string().contains("Permission denied"), "{first}");
}

#[test]
fn a_process_that_is_gone_has_no_stacks() {
    let mut child = std::process::Command::new("true").spawn().expect("starts");
    let pid = child.id();
    while std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z")) {}
    assert_eq!(stacks::of(&[pid]), [], "a zombie");
    child.wait().expect("ends");
    assert_eq!(stacks::of(&[pid, 0, u32::MAX]), []);
}
