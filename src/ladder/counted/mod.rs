//! The climb with the bundled client before a shim that counts, as the bundled one does: exact to the last call.

mod evidence;
mod rungs;

use std::collections::BTreeMap;

use crate::bundle::ClientExit;
use crate::interpose::{Library, Role};
use crate::probe::{Ended, Ending};

use super::call::Call;
use super::climbed::Climb;
use super::error::ClimbError;
use super::rung::{Answer, Rung};
use super::setup::Setup;
use super::stage::Stage;
use super::witness::{Seen, Witness};
use evidence::{Evidence, gather};

/// Whether the shim counts its calls where the environment tells it to.
pub(super) fn counts(shim: &Library) -> bool {
    let file = crate::elf::Mapped::open(&shim.path).ok();
    file.is_some_and(|file| memchr::memmem::find(file.bytes(), COUNTERS.as_bytes()).is_some())
}

/// Where the bundled shim, or one linked of its objects, writes its counters.
const COUNTERS: &str = "XDOCTOR_COUNTERS";

/// Runs the client natively, then shimmed with the loader telling what it does, and judges.
pub(super) fn climb(
    setup: &Setup,
    stage: &Stage<'_>,
    (shim, runtime, client): (Library, Library, &Library),
    ground: Seen,
) -> Result<Climb, ClimbError> {
    let unusable = |source| ClimbError::Scratch { path: setup.scratch.clone(), source };
    let command = [client.path.clone().into_os_string(), "--exec-child".into()];
    let native = match setup.native {
        true => Some(stage.native(&command).map_err(unusable)?.run()?),
        false => None,
    };
    let child = stage.shimmed(&command).map_err(unusable)?;
    let child = child
        .env("LD_BIND_NOW", "1")
        .env("LD_DEBUG", "bindings")
        .env("LD_DEBUG_OUTPUT", stage.file("shimmed", "ld"))
        .env("XDOCTOR_TRACE", "calls")
        .env(COUNTERS, stage.file("shimmed", "shim.%p"));
    let mut climbed = Climb::new(child.command_line(), ground, native);
    if let Some(answer) = climbed.native.as_ref().and_then(|native| hopeless(native, setup)) {
        climbed.stop_with(answer);
        return Ok(climbed);
    }
    let shimmed = child.run()?;
    let evidence = gather(shim, runtime, client, stage, climbed.native.clone(), shimmed).map_err(unusable)?;
    climbed.judge(&Counted { evidence, limit: setup.limits.time.as_secs_f64() });
    Ok(climbed)
}

/// Why the shim cannot be judged, where the client fails without it.
fn hopeless(native: &Ended, setup: &Setup) -> Option<Answer> {
    let said = native.last_word().map(|word| format!(": {word}")).unwrap_or_default();
    let no_device = native.exit().and_then(ClientExit::from_status) == Some(ClientExit::NoDevice);
    match native.ending {
        Ending::Exited(0) => None,
        _ if no_device => {
            let runtime = setup.runtime.as_ref().map(|runtime| runtime.display().to_string()).unwrap_or_default();
            Some(Answer::without_device(&format!("{runtime} has no device{said}"), setup.require_gpu))
        }
        Ending::Interrupted => Some(Answer::Undetermined("interrupted".to_owned())),
        ending => Some(Answer::Undetermined(format!("the client fails without the shim, too ({ending}{said})"))),
    }
}

/// The counters, and how long the run was allowed to take, in seconds.
struct Counted {
    evidence: Evidence,
    limit: f64,
}

impl Witness for Counted {
    fn answer(&self, rung: Rung) -> Seen {
        let evidence = &self.evidence;
        match rung {
            Rung::Present | Rung::Loads => rungs::loads(evidence),
            Rung::Binds => rungs::binds(evidence),
            Rung::Called => rungs::called(evidence),
            Rung::Forwards => rungs::forwards(evidence),
            Rung::Correct => rungs::correct(evidence),
            Rung::Survives => rungs::survives(evidence, self.limit),
        }
    }

    fn calls(&self) -> Vec<Call> {
        let evidence = &self.evidence;
        let (shim, runtime) = (evidence.shim_calls(), evidence.runtime_calls());
        let mut symbols: Vec<&String> = shim.keys().chain(runtime.keys()).collect();
        symbols.sort();
        symbols.dedup();
        let count = |calls: &BTreeMap<String, u64>, known: bool, symbol: &String| {
            known.then(|| calls.get(symbol).copied().unwrap_or_default())
        };
        let call = |symbol: &String| Call {
            symbol: symbol.clone(),
            role: evidence.role(symbol),
            shim: count(&shim, !evidence.shim_counters.is_empty(), symbol),
            runtime: count(&runtime, !evidence.runtime_counters.is_empty(), symbol),
            past: None,
        };
        symbols.into_iter().map(call).collect()
    }

    fn needed(&self) -> Vec<Role> {
        self.evidence.roles().into_iter().collect()
    }

    fn proves(&self, role: Role, calls: &[Call]) -> bool {
        let evidence = &self.evidence;
        let bound =
            evidence.needed.iter().filter(|reference| evidence.role(&reference.symbol) == role).all(|reference| {
                let mut bindings = evidence.bindings_of(reference).peekable();
                bindings.peek().is_some() && bindings.all(|binding| evidence.is_shim(&binding.provider))
            });
        let mut calls = calls.iter().filter(|call| call.role == role).peekable();
        bound && calls.peek().is_some() && calls.all(|call| call.shim > Some(0) && call.shim == call.runtime)
    }

    fn shimmed(&self) -> &Ended {
        &self.evidence.shimmed
    }
}
