//! The document for programs. A process may have 100,000 bindings: they are written as they are passed, with what
//! repeats in them, the objects' paths, made into JSON once.

use std::io::{self, Write};

use serde::Serialize;

use super::super::model::{Modelled, document as model, shown};
use super::Args;
use super::rows::{Row, Rows};
use crate::elf::{escape, is_plain};

#[derive(Serialize)]
struct Head<'d> {
    schema: &'static str,
    target: &'d str,
    sysroot: Option<String>,
    interpreter: Option<String>,
    glibc: String,
    secure: bool,
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    libraries: Option<Vec<model::Library<'d>>>,
    missing: Vec<model::Missing<'d>>,
    version_errors: Vec<model::VersionError<'d>>,
    refused: Vec<model::Refused>,
}

#[derive(Serialize)]
struct Summary {
    objects: usize,
    bindings: usize,
    undefined: usize,
    weak_undefined: usize,
    missing: usize,
    version_errors: usize,
}

/// How many bytes of rows are gathered before they are written.
const CHUNK: usize = 1 << 15;

/// Writes the document of one target, on one line.
pub fn write(
    out: &mut impl Write,
    args: &Args,
    modelled: &Modelled<'_, '_>,
    rows: &Rows<'_, '_, '_>,
) -> io::Result<()> {
    let paths = model::paths(modelled);
    let mut text = serde_json::to_vec(&head(args, modelled, rows, &paths))?;
    if !args.summary {
        // The list goes in where the head's object ends.
        text.pop();
        text.extend_from_slice(b",\"bindings\":[");
        let quoted: Vec<String> = paths.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        for (number, row) in rows.iter().enumerate() {
            if number > 0 {
                text.push(b',');
            }
            write_row(&mut text, &row, &quoted);
            if text.len() > CHUNK {
                out.write_all(&text)?;
                text.clear();
            }
        }
        text.extend_from_slice(b"]}");
    }
    text.push(b'\n');
    out.write_all(&text)
}

fn head<'d>(args: &Args, modelled: &'d Modelled<'_, '_>, rows: &Rows<'_, '_, '_>, paths: &'d [String]) -> Head<'d> {
    let process = &modelled.process;
    let counts = rows.counts();
    let (release, minor) = process.glibc().release;
    Head {
        schema: "xdoctor/bindings/1",
        target: &paths[0],
        sysroot: process.tree().root().map(shown),
        interpreter: process.interpreter().map(shown),
        glibc: format!("{release}.{minor}"),
        secure: process.is_secure(),
        summary: Summary {
            objects: process.loaded().len(),
            bindings: counts.bindings,
            undefined: counts.undefined,
            weak_undefined: counts.weak_undefined,
            missing: process.missing().len(),
            version_errors: process.version_errors().len(),
        },
        libraries: (!args.summary).then(|| model::libraries(modelled, paths)),
        missing: model::missing(modelled),
        version_errors: model::version_errors(modelled, paths),
        refused: model::refused(modelled),
    }
}

fn write_row(out: &mut Vec<u8>, row: &Row<'_>, paths: &[String]) {
    out.extend_from_slice(b"{\"referrer\":");
    out.extend_from_slice(paths[row.referrer].as_bytes());
    out.extend_from_slice(b",\"symbol\":");
    write_text(out, Some(row.symbol));
    out.extend_from_slice(b",\"version\":");
    write_text(out, row.version);
    out.extend_from_slice(b",\"provider\":");
    out.extend_from_slice(row.provider.map_or("null", |index| paths[index].as_str()).as_bytes());
    out.extend_from_slice(b",\"provider_version\":");
    write_text(out, row.provider_version);
    out.extend_from_slice(b",\"kind\":\"");
    out.extend_from_slice(row.kind.as_bytes());
    out.extend_from_slice(if row.weak { b"\",\"weak\":true}" } else { b"\",\"weak\":false}" });
}

fn write_text(out: &mut Vec<u8>, text: Option<&[u8]>) {
    let Some(text) = text else {
        out.extend_from_slice(b"null");
        return;
    };
    if is_plain(text) && !text.contains(&b'"') {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    } else {
        let text = serde_json::Value::String(escape(text).to_string());
        out.extend_from_slice(text.to_string().as_bytes());
    }
}
