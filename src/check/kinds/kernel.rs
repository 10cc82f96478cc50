//! `kernel`: its release, the modules that it has, and their parameters.

use std::io;
use std::sync::Arc;

use globset::GlobMatcher;

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::Diagnosis;

use super::machine::Machine;
use super::versions::{Requirement, Scheme};
use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct KernelCheck {
    machine: Machine,
    release: Option<Requirement>,
    modules: Vec<String>,
    /// Module, parameter, and the values that it may have.
    parameters: Vec<(String, String, GlobMatcher)>,
    skip_if_missing: bool,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("release", "The kernel's release, as a requirement on versions: '>=5.15'."),
    ("modules", "Modules that must be loaded or built in: one, or a list."),
    ("parameters", "MODULE.PARAMETER: GLOB pairs that must hold."),
    ("skip_if_missing", "Whether the check is skipped where a module is not there at all."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let release = Requirement::field(fields, "release", Some(Scheme::Debian));
    let modules = fields.texts("modules").unwrap_or_default();
    let parameters = parameters(fields);
    let skip_if_missing = fields.flag("skip_if_missing").unwrap_or(false);
    if fields.node("release").is_none() && modules.is_empty() && parameters.is_empty() {
        let message = "a check of kind `kernel` asks for nothing; expected one of release, modules, parameters";
        fields.reader().complain(fields.place(), message);
    }
    Some(Arc::new(KernelCheck { machine: Machine::this(), release, modules, parameters, skip_if_missing }))
}

/// `MODULE.PARAMETER: GLOB` pairs.
fn parameters(fields: &Fields<'_>) -> Vec<(String, String, GlobMatcher)> {
    let place = fields.node("parameters").map_or(fields.place(), |node| node.place);
    let plain = |part: &str| !part.is_empty() && !part.contains(['/', '.']);
    let mut parameters = Vec::new();
    for (name, value) in fields.glob_pairs("parameters").unwrap_or_default() {
        match name.split_once('.').filter(|(module, parameter)| plain(module) && plain(parameter)) {
            Some((module, parameter)) => parameters.push((module.to_owned(), parameter.to_owned(), value)),
            None => {
                fields.reader().complain(place, format!("expected MODULE.PARAMETER in `parameters`, found `{name}`"))
            }
        }
    }
    parameters
}

impl Kind for KernelCheck {
    fn title(&self) -> String {
        let release = self.release.iter().map(|release| format!("is {release}"));
        let modules = (!self.modules.is_empty()).then(|| format!("has {}", self.modules.join(", ")));
        let set = |(module, parameter, value): &(String, String, GlobMatcher)| {
            format!("{module}.{parameter}={}", value.glob())
        };
        let parameters: Vec<String> = self.parameters.iter().map(set).collect();
        let parameters = (!parameters.is_empty()).then(|| format!("has {}", parameters.join(", ")));
        let claims: Vec<String> = release.chain(modules).chain(parameters).collect();
        format!("the kernel {}", claims.join(" and "))
    }

    fn is_of_the_node(&self) -> bool {
        true
    }

    fn run(&self, _: &Context<'_>) -> Found {
        let mut finding = Finding::default();
        let looked = self.look_at_release(&mut finding).and_then(|()| self.look_for_modules(&mut finding));
        if let Err(error) = looked.and_then(|()| self.look_at_parameters(&mut finding)) {
            let reason = format!("what the kernel says cannot be read: {error}");
            finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
        }
        finding.into()
    }
}

impl KernelCheck {
    fn look_at_release(&self, finding: &mut Finding) -> io::Result<()> {
        let release = self.machine.read("/proc/sys/kernel/osrelease")?;
        finding.saw(format!("kernel {release}"));
        if let Some(wanted) =
            self.release.as_ref().filter(|wanted| wanted.admits(&release, Scheme::Debian) == Some(false))
        {
            let expected = format!("a kernel {wanted}");
            let fix = "install and boot another kernel; a container has the one of its host";
            finding.violates(Diagnosis::new(Code::WrongVersion, expected, format!("kernel {release}")).mended_by(fix));
        }
        Ok(())
    }

    fn look_for_modules(&self, finding: &mut Finding) -> io::Result<()> {
        for module in &self.modules {
            match self.presence(module)? {
                Some(how) => finding.saw(format!("{module} is {how}")),
                None if self.skip_if_missing => self.skip(module, finding),
                None => {
                    let fix = format!("modprobe {module}, as root");
                    let actual = "neither among the modules loaded nor built in";
                    let expected = format!("the kernel module {module}");
                    finding.violates(Diagnosis::new(Code::KernelModuleMissing, expected, actual).mended_by(fix));
                }
            }
        }
        Ok(())
    }

    fn skip(&self, module: &str, finding: &mut Finding) {
        let reason = format!("the kernel has no module {module} loaded or built in");
        finding.open = Some(Open::Skipped { reason, code: Some(Code::KernelModuleMissing) });
    }

    /// How the kernel has a module, if it does. The kernel writes `-` as `_`.
    fn presence(&self, module: &str) -> io::Result<Option<&'static str>> {
        let name = module.replace('-', "_");
        // A kernel without loadable modules has no such file.
        let loaded = self.machine.read_if_there("/proc/modules")?.unwrap_or_default();
        if loaded.lines().any(|line| line.split(' ').next() == Some(&name)) {
            return Ok(Some("loaded"));
        }
        let release = self.machine.read("/proc/sys/kernel/osrelease")?;
        let built_in =
            self.machine.read_if_there(format!("/lib/modules/{release}/modules.builtin"))?.unwrap_or_default();
        let file = |line: &str| line.rsplit('/').next().unwrap_or_default().replace('-', "_");
        if built_in.lines().any(|line| file(line) == format!("{name}.ko")) {
            return Ok(Some("built in"));
        }
        Ok(self.machine.path(format!("/sys/module/{name}")).is_dir().then_some("built in (it is in /sys/module)"))
    }

    fn look_at_parameters(&self, finding: &mut Finding) -> io::Result<()> {
        for (module, parameter, wanted) in &self.parameters {
            let expected = format!("{module}.{parameter}={}", wanted.glob());
            let folder = format!("/sys/module/{}", module.replace('-', "_"));
            if !self.machine.path(&folder).is_dir() {
                if self.skip_if_missing {
                    self.skip(module, finding);
                } else {
                    let actual = format!("the kernel has no module {module} loaded or built in");
                    finding.violates(Diagnosis::new(Code::KernelModuleMissing, expected, actual));
                }
                continue;
            }
            let fix = format!("options {module} {parameter}={} in /etc/modprobe.d, then reboot", wanted.glob());
            let actual = match self.machine.read_if_there(format!("{folder}/parameters/{parameter}")) {
                Ok(Some(value)) if wanted.is_match(&value) => {
                    finding.saw(format!("{module}.{parameter}={value}"));
                    continue;
                }
                Ok(Some(value)) => format!("{module}.{parameter}={value}"),
                Ok(None) => format!("{module} has no parameter {parameter} that could be seen"),
                Err(error) => {
                    let reason = format!("{folder}/parameters/{parameter} cannot be read: {error}");
                    finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
                    continue;
                }
            };
            finding.violates(Diagnosis::new(Code::WrongKernelParameter, expected, actual).mended_by(fix));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use globset::Glob;

    use super::super::machine::made_of;
    use super::*;

    const FILES: [(&str, &str); 5] = [
        ("/proc/sys/kernel/osrelease", "6.1.0-37-amd64\n"),
        ("/proc/modules", "amdgpu 1 0 - Live 0x0\nsnd_hda_intel 1 0 - Live 0x0\n"),
        ("/lib/modules/6.1.0-37-amd64/modules.builtin", "kernel/drivers/char/hw-random.ko\n"),
        ("/sys/module/amdgpu/parameters/gpu_recovery", "-1\n"),
        ("/sys/module/vt/parameters/color", "7\n"),
    ];

    fn check(machine: Machine, modules: &[&str], parameters: &[(&str, &str, &str)]) -> KernelCheck {
        let glob = |text: &str| Glob::new(text).expect("a glob").compile_matcher();
        let parameter = |(module, name, value): &(&str, &str, &str)| ((*module).into(), (*name).into(), glob(value));
        KernelCheck {
            machine,
            release: None,
            modules: modules.iter().map(|name| (*name).to_owned()).collect(),
            parameters: parameters.iter().map(parameter).collect(),
            skip_if_missing: false,
        }
    }

    fn found(check: &KernelCheck) -> Finding {
        let scratch = std::path::Path::new("/nonexistent");
        let (hashes, helpers) = (Arc::default(), Arc::default());
        check.run(&Context { scratch, log: None, require_gpu: false, hashes, helpers }).findings.remove(0)
    }

    #[test]
    fn a_module_is_found_loaded_built_in_or_by_its_folder_however_its_name_is_written() {
        let (_folder, machine) = made_of(&FILES);
        let found = found(&check(machine, &["amdgpu", "snd-hda-intel", "hw_random", "vt"], &[]));
        assert_eq!(found.violations, []);
        let how = ["amdgpu is loaded", "snd-hda-intel is loaded", "hw_random is built in", "vt is built in (it is in"];
        for (line, wanted) in found.evidence[1..].iter().zip(how) {
            assert!(line.starts_with(wanted), "{line}");
        }
    }

    #[test]
    fn a_module_that_is_not_there_fails_or_is_a_reason_to_skip() {
        let (_folder, machine) = made_of(&FILES);
        let mut check = check(machine, &["nouveau"], &[("nouveau", "modeset", "1")]);
        let codes: Vec<Code> = found(&check).violations.iter().map(|violation| violation.code).collect();
        assert_eq!(codes, [Code::KernelModuleMissing; 2]);
        check.skip_if_missing = true;
        assert!(matches!(found(&check).open, Some(Open::Skipped { .. })));
    }

    #[test]
    fn parameters_are_compared_by_glob_and_those_that_are_not_there_fail() {
        let (_folder, machine) = made_of(&FILES);
        assert_eq!(found(&check(machine.clone(), &[], &[("amdgpu", "gpu_recovery", "-*")])).violations, []);
        let wrong = [("amdgpu", "gpu_recovery", "1"), ("amdgpu", "no_such", "*")];
        let found = found(&check(machine, &[], &wrong));
        let said: Vec<(Code, &str)> = found.violations.iter().map(|v| (v.code, v.actual.as_str())).collect();
        let wanted = ["amdgpu.gpu_recovery=-1", "amdgpu has no parameter no_such that could be seen"];
        assert_eq!(said, wanted.map(|actual| (Code::WrongKernelParameter, actual)));
    }

    #[test]
    fn without_the_kernels_files_nothing_is_claimed() {
        let (_folder, machine) = made_of(&[]);
        assert!(matches!(found(&check(machine, &["amdgpu"], &[])).open, Some(Open::Undetermined { .. })));
    }
}
