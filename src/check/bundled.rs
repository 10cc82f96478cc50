//! The checklists that ship with xdoctor.

/// The bundled checklists that are asked for by name, with their text.
pub const CHECKLISTS: &[(&str, &str)] = &[
    ("pytorch-rocm", include_str!("../../checks/pytorch-rocm.yaml")),
    ("rocm", include_str!("../../checks/rocm.yaml")),
    ("shim-project", include_str!("../../checks/shim-project.yaml")),
    ("xsched-hip", include_str!("../../checks/xsched-hip.yaml")),
];

/// The checklist that is run where none is in sight: over the bundled sample environment.
pub const SELF_CHECK: (&str, &str) = ("self-check", include_str!("../../checks/self-check.yaml"));
