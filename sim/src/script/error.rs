//! What went wrong in a script, where, and what to do about it.

use rhai::{EvalAltResult, ParseError, ParseErrorType, Position};

use super::{Limits, Script};

/// An error of a script. Lines and columns are from 1; 0 if there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The script's file.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl std::error::Error for ScriptError {}

impl std::fmt::Display for ScriptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, ": {remedy}"))
    }
}

impl ScriptError {
    pub(super) fn too_long(file: &str, n_bytes: usize, limit: usize) -> Self {
        Self {
            file: file.into(),
            line: 0,
            column: 0,
            message: format!("the script has {n_bytes} bytes, and {limit} are allowed"),
            remedy: Some("split it".into()),
        }
    }

    pub(super) fn no_function(script: &Script, function: &str, n: usize, others: Option<usize>) -> Self {
        let message = match others {
            Some(other) => format!("function {function} has {other} parameters, and is called with {n}"),
            None => format!("there is no function {function}"),
        };
        let (line, column) = script.position(function).unwrap_or((0, 0));
        let names = (1..=n).map(|i| format!("x{i}")).collect::<Vec<_>>().join(", ");
        let remedy = Some(format!("write fn {function}({names}) {{ … }}"));
        Self { file: script.file.to_string(), line, column, message, remedy }
    }

    pub(super) fn of_parse(file: &str, error: &ParseError, limits: &Limits) -> Self {
        let remedy = match error.err_type() {
            ParseErrorType::ExprTooDeep => Some(format!("nest at most {} expressions", limits.depth)),
            ParseErrorType::TooManyFunctions => Some(format!("write at most {} functions", limits.functions)),
            ParseErrorType::LiteralTooLarge(_, limit) => Some(format!("write at most {limit}")),
            ParseErrorType::Reserved(name) => Some(format!("scripts have no {name}")),
            _ => None,
        };
        let (line, column) = place(error.position());
        Self { file: file.into(), line, column, message: lower(&error.err_type().to_string()), remedy }
    }

    pub(super) fn of_call(script: &Script, function: &str, error: &EvalAltResult) -> Self {
        let (mut innermost, mut function) = (error, function);
        let mut position = error.position();
        while let EvalAltResult::ErrorInFunctionCall(name, _, inner, _) = innermost {
            (innermost, function) = (inner, name);
            if !inner.position().is_none() {
                position = inner.position();
            }
        }
        let limits = script.limits();
        let (message, remedy) = match innermost {
            EvalAltResult::ErrorTooManyOperations(_) => (
                format!("a call takes more than {} operations", limits.operations),
                Some("end its loops earlier".into()),
            ),
            EvalAltResult::ErrorStackOverflow(_) => (
                format!("more than {} calls within calls", limits.call_levels),
                Some("use a loop instead of recursion".into()),
            ),
            EvalAltResult::ErrorDataTooLarge(what, _) => (lower(what), Some(sizes(limits))),
            EvalAltResult::ErrorTooManyVariables(_) => {
                (format!("more than {} variables", limits.variables), Some("use a map or a list".into()))
            }
            EvalAltResult::ErrorFunctionNotFound(signature, _) => (
                format!("there is no function {signature}"),
                Some("check its name and the types of its arguments".into()),
            ),
            EvalAltResult::ErrorVariableNotFound(name, _) => {
                (format!("there is no variable {name}"), Some("functions see their parameters and their own".into()))
            }
            EvalAltResult::ErrorRuntime(value, _) => (value.to_string(), None),
            EvalAltResult::ErrorArithmetic(what, _) => (lower(what), None),
            other => {
                let mut bare = other.to_string();
                if let Some(end) = bare.rfind(" (line ") {
                    bare.truncate(end);
                }
                (lower(&bare), None)
            }
        };
        // Some limits are noticed between expressions.
        let (line, column) =
            if position.is_none() { script.position(function).unwrap_or((0, 0)) } else { place(position) };
        Self { file: script.file.to_string(), line, column, message, remedy }
    }
}

fn sizes(limits: &Limits) -> String {
    let Limits { string_bytes, array_elements, map_entries, .. } = limits;
    format!(
        "a string has at most {string_bytes} bytes, a list {array_elements} elements, a map {map_entries} entries, at most 32 deep"
    )
}

fn place(position: Position) -> (usize, usize) {
    (position.line().unwrap_or(0), position.position().unwrap_or(0))
}

/// As the errors of this crate are worded: lower case, no full stop.
fn lower(message: &str) -> String {
    let mut chars = message.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
