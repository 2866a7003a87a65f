//! `plan init`: writes a new plan from one of the examples in the binary, and the schema for editors.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::shell_words::quoted;
use super::table::table;
use super::{note, print_text};
use crate::catalog::Catalog;
use crate::cli::InitArguments;
use crate::context::Context;
use crate::diagnostic::nearest;
use crate::error::Error;
use crate::examples::{EXAMPLES, Example};
use crate::exit::Exit;
use crate::report::{Palette, list};
use crate::schema::plan_schema_text;

/// The name of the usual plan file, without extension.
const USUAL: &str = "deploy";
/// The schema file for editors, next to the plan.
const SCHEMA: &str = "plan.schema.json";

/// `plan init`: writes an example, its files and the schema; `--list` prints the examples.
///
/// # Errors
///
/// When there is no such example, or a file exists or cannot be written.
pub(super) fn init(context: &Context, arguments: &InitArguments) -> Result<Exit, Error> {
    if arguments.list {
        let rows: Vec<Vec<String>> =
            EXAMPLES.iter().map(|example| vec![example.name.to_owned(), example.description()]).collect();
        let palette = Palette::new(context.color(&context.stdout));
        print_text(context, &context.secrets.redact(&table(&["EXAMPLE", "MAKES"], &rows, palette)))?;
        return Ok(Exit::Done);
    }
    let example = example(&arguments.example)?;
    let file = &arguments.file;
    if file.file_name().is_none() {
        return Err(Error::usage(format!("`{}` is no name of a file", file.display())));
    }
    let named = quoted(&file.display().to_string());
    let mut files = vec![(file.clone(), named_after(file, example.name, example.plan(SCHEMA, &named)))];
    files.extend(example.beside().map(|(path, text)| (file.with_file_name(path), text)));
    let schema = (file.with_file_name(SCHEMA), plan_schema_text(Catalog::embedded()));
    let schema_is_there = context.resolve(&schema.0).exists();
    if !schema_is_there {
        files.push(schema);
    }
    let missing = missing(context, files)?;
    for (path, text) in &missing {
        write_new(context, path, text)?;
    }
    let written: Vec<String> = missing.iter().map(|(path, _)| path.display().to_string()).collect();
    note(context, &format!("wrote {}: {}", list(&written, written.len()), example.description()))?;
    note(
        context,
        &format!(
            "next:\n  plan rehearse {named}    try it: offline, in seconds, nothing is created\n  plan check {named}       \
             after every change\nfor real, with an API key in GCORE_API_KEY; `plan get` lists ids:\n  {}",
            example.run(&named)
        ),
    )?;
    Ok(Exit::Done)
}

/// The plan with the name of its file, where another file than the usual one is asked for: plans of one name in one folder
/// share their record.
fn named_after(file: &Path, example: &str, text: String) -> String {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let fits = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    let is_name = stem.starts_with(|first: char| first.is_ascii_alphanumeric()) && stem.chars().all(fits);
    match is_name && stem != USUAL && crate::cli::plan_name(stem).is_ok() {
        true => text.replacen(&format!("\nname: {example}\n"), &format!("\nname: {stem}\n"), 1),
        false => text,
    }
}

fn example(name: &str) -> Result<&'static Example, Error> {
    let name = name.strip_suffix(".yaml").unwrap_or(name);
    Example::named(name).ok_or_else(|| {
        let error = Error::usage(format!("there is no example `{name}`"));
        let error = match nearest(name, EXAMPLES.iter().map(|example| example.name)) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error,
        };
        error.help("`plan init --list` lists the examples")
    })
}

/// The files that do not exist yet. An existing file with other contents is an error.
fn missing(context: &Context, files: Vec<(PathBuf, String)>) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut missing = Vec::new();
    for (at, (path, text)) in files.into_iter().enumerate() {
        match fs::read(context.resolve(&path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => missing.push((path, text)),
            // Two plans in one folder can share the schema.
            Ok(there) if at > 0 && there == text.as_bytes() => {}
            Ok(_) => return Err(occupied(&path)),
            Err(error) if error.kind() == ErrorKind::IsADirectory => return Err(occupied(&path)),
            Err(error) => return Err(Error::read(&path, error)),
        }
    }
    Ok(missing)
}

fn occupied(path: &Path) -> Error {
    Error::usage(format!("`{}` is there already, and is left as it is", path.display()))
        .help("name another file with `--file FILE`, or another folder: `--file demo/deploy.yaml`")
}

/// Writes a new file; fails when it exists by now.
fn write_new(context: &Context, path: &Path, text: &str) -> Result<(), Error> {
    let place = context.resolve(path);
    let write = || {
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        OpenOptions::new().write(true).create_new(true).open(&place)?.write_all(text.as_bytes())
    };
    write().map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => occupied(path),
        _ => Error::write(path, error),
    })
}
