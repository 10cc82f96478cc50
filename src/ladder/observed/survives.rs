//! Rung *survives*: it ends well and in time, and the shim stays where it is wanted.

use std::collections::BTreeSet;
use std::path::Path;

use crate::code::Code;
use crate::diagnosis::{Diagnosis, listed};
use crate::ladder::rung::Answer;
use crate::ladder::standstill;
use crate::ladder::witness::Seen;
use crate::probe::{Ending, Image};

use super::correct;
use super::evidence::Evidence;

pub(super) fn judge(evidence: &Evidence<'_>) -> Seen {
    let ended = &evidence.shimmed.ended;
    let mut seen = vec![format!("{} after {:.2} s", ended.ending, ended.seconds)];
    if matches!(ended.ending, Ending::MemoryLimit | Ending::ProcessLimit) {
        seen.push(format!("seen: {}", ended.most));
    }
    let said = ended.last_word().map(|word| format!("; last on stderr: {word}")).unwrap_or_default();
    let actual = format!("{} after {:.2} s{said}", ended.ending, ended.seconds);
    let fails = |code, expected: &str| Answer::Diagnosed(Diagnosis::new(code, expected, actual.clone()));
    let limit = evidence.setup.limits.time.as_secs_f64();
    let answer = match ended.ending {
        Ending::Exited(0) => leaks(evidence).unwrap_or(Answer::Holds),
        Ending::Exited(_) => fails(Code::CommandFailed, "exit status 0, as without the shim"),
        Ending::Signalled(_) if correct::has_printed_all(evidence) || says_the_same(evidence) => {
            fails(Code::TeardownCrash, "exit status 0 after the result, which was right")
        }
        Ending::Signalled(_) if had_finished(evidence) => {
            let actual = format!("{actual}; its main function had come to an end, and destructors ran");
            Answer::Diagnosed(Diagnosis::new(Code::TeardownCrash, "exit status 0, as without the shim", actual))
        }
        Ending::Signalled(_) => {
            let actual = format!("{actual}{}", under_way(evidence));
            Answer::Diagnosed(Diagnosis::new(Code::Crash, "exit status 0, as without the shim", actual))
        }
        Ending::TimeLimit => {
            let native = evidence.native.as_ref().map(|run| &run.ended);
            let (answer, stood) = standstill::judge(ended, limit, native, &under_way(evidence));
            seen.extend(stood);
            answer
        }
        Ending::OutputLimit => fails(Code::OutputLimit, "output within its limit"),
        Ending::MemoryLimit => fails(Code::MemoryLimit, "memory within its limit"),
        Ending::ProcessLimit => fails(Code::ProcessLimit, "processes within their limit"),
        Ending::Stopped => fails(Code::Hang, "an end"),
        Ending::Enough => {
            Answer::Undetermined("it serves until it is ended: how it ends by itself was not seen".into())
        }
        Ending::Interrupted => Answer::Undetermined("interrupted".into()),
    };
    (answer, seen)
}

/// Whether the command's own process was past its main function. What it had printed and not flushed is lost then.
fn had_finished(evidence: &Evidence<'_>) -> bool {
    let mut images = evidence.shimmed.observation.images.iter().rev();
    images.find(|image| image.pid == evidence.shimmed.ended.pid).is_some_and(|image| image.finished)
}

/// The calls that did not return, as far as they had not left the shim.
fn under_way(evidence: &Evidence<'_>) -> String {
    let functions = evidence.under_way();
    if functions.is_empty() { String::new() } else { format!("; in the shim then: {}", listed(&functions, 4)) }
}

fn says_the_same(evidence: &Evidence<'_>) -> bool {
    evidence.setup.compare != crate::ladder::compare::Compare::Exit && correct::is_same(evidence)
}

/// Programs of other processes that carry the shim and have nothing to do with the API.
fn leaks(evidence: &Evidence<'_>) -> Option<Answer> {
    if evidence.clients.is_empty() {
        return None; // then nobody is at home here, and nobody a stranger
    }
    let images = &evidence.shimmed.observation.images;
    let carries = |image: &&Image| image.objects.iter().any(|object| evidence.is_shim(&object.path));
    let concerned = |image: &&Image| {
        let client = |path| evidence.clients.iter().any(|client| &client.path == path);
        image.objects.iter().any(|object| client(&object.path)) || image.calls.iter().any(|call| call.count > 0)
    };
    // Whoever starts workers of its own kind has to hand them the shim.
    let at_home: BTreeSet<&Path> = images.iter().filter(concerned).filter_map(Image::program).collect();
    let stranger = |image: &&Image| image.program().is_some_and(|program| !at_home.contains(program));
    let strangers = images.iter().filter(|image| !image.forked).filter(carries).filter(stranger);
    let mut programs: Vec<String> =
        strangers.filter_map(|image| Some(image.program()?.file_name()?.to_string_lossy().into_owned())).collect();
    let count = programs.len();
    if count == 0 {
        return None;
    }
    programs.sort();
    programs.dedup();
    let expected = "the shim in the processes that call the API, and in no other";
    let actual = format!("others carry it, too: {} ({count} in all)", listed(&programs, 6));
    Some(Answer::Diagnosed(Diagnosis::new(Code::PreloadLeaks, expected, actual)))
}
