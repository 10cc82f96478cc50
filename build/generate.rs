//! From the API table: the functions for C and assembly, and the version maps.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use crate::api::{Api, Function};

/// What the shim exports of its own, apart from the API.
const HELPERS: &str = "XDOCTOR_1.0 {\n  global:\n    xdoctor_shim_write_counters;\n};\n";

/// Writes hip_functions.inc, hip_version.map (the runtime's nodes) and shim.map (those and the shim's own) into `out`.
pub fn write(api: &Api, out: &Path) -> io::Result<()> {
    let map = version_map(api);
    fs::write(out.join("hip_functions.inc"), functions(api))?;
    fs::write(out.join("shim.map"), format!("{map}\n{HELPERS}"))?;
    fs::write(out.join("hip_version.map"), map)
}

/// One `FUNCTION(index, symbol, "node", kind)` a line, for C and assembly alike.
fn functions(api: &Api) -> String {
    let mut text = String::new();
    for (index, function) in api.exported().enumerate() {
        let (symbol, node, kind) = (&function.symbol, &function.node, kind(function));
        let _ = writeln!(text, "FUNCTION({index}, {symbol}, \"{node}\", {kind})");
    }
    text
}

/// What trampoline.S answers for a function that nobody implements.
fn kind(function: &Function) -> &'static str {
    match function.returns.as_str() {
        "void" => "nothing",
        "int" => "number",
        returns if returns.ends_with('*') => "pointer",
        returns if returns.starts_with("struct hipChannelFormatDesc") => "channel",
        _ => "error",
    }
}

/// A GNU version script: each node with its functions and the node that it inherits; nothing else is exported.
fn version_map(api: &Api) -> String {
    let mut text = String::from("/* The version nodes of the HIP runtime. Generated from xdoctor's API table. */\n");
    for (position, (node, parent)) in api.nodes.iter().enumerate() {
        let _ = writeln!(text, "{node} {{");
        let members: Vec<_> = api.exported().filter(|function| function.node == *node).collect();
        if !members.is_empty() {
            text.push_str("  global:\n");
        }
        for function in members {
            let _ = writeln!(text, "    {};", function.symbol);
        }
        if position == 0 {
            text.push_str("  local:\n    *;\n");
        }
        match parent {
            Some(parent) => _ = writeln!(text, "}} {parent};"),
            None => text.push_str("};\n"),
        }
    }
    text
}
