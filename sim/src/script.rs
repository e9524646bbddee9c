//! Scripts that models and agents are written in, without a compiler: rhai in a sandbox. A call sees its arguments, the
//! functions registered here and one stream of random numbers; no files, no clock, no modules. It ends within its limits,
//! and gives the same digits on all platforms: maps are sorted, and functions of floats are those of `libm`.

mod arithmetic;
mod error;
mod floats;
mod luck;
mod meter;

use std::sync::Arc;

use rhai::{
    AST, CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, Scope, packages::Package, packages::StandardPackage,
};

pub(crate) use self::meter::weigh;
pub use self::{arithmetic::sum, error::ScriptError, luck::Luck};

/// What a script may use up. A call that reaches a limit is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Operations of one call: about one for each expression.
    pub operations: u64,
    /// Calls within calls.
    pub call_levels: usize,
    /// Bytes of a string.
    pub string_bytes: usize,
    /// Elements of a list, with those of the lists in it.
    pub array_elements: usize,
    /// Entries of a map, with those of the maps in it.
    pub map_entries: usize,
    /// Variables in sight at once.
    pub variables: usize,
    /// Bytes of a script's text.
    pub source_bytes: usize,
    /// Functions of a script.
    pub functions: usize,
    /// Expressions within expressions.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            operations: 1_000_000,
            call_levels: 16,
            string_bytes: 65_536,
            array_elements: 16_384,
            map_entries: 1_024,
            variables: 64,
            source_bytes: 1_048_576,
            functions: 512,
            depth: 24,
        }
    }
}

/// What scripts run in: functions and limits, shared by all scripts and threads.
#[derive(Clone, Debug)]
pub struct Sandbox {
    engine: Arc<Engine>,
    limits: Limits,
}

impl Sandbox {
    /// A sandbox with these limits, and what `extend` registers beside arithmetic and draws.
    #[must_use]
    pub fn new(limits: Limits, extend: impl FnOnce(&mut Engine)) -> Self {
        // The seed only keeps names of anonymous functions equal between builds; a second call changes nothing.
        let _ = rhai::config::hashing::set_hashing_seed(Some([1, 6, 2, 0]));
        let mut engine = Engine::new_raw();
        StandardPackage::new().register_into_engine(&mut engine);
        engine
            .set_max_operations(limits.operations)
            .set_max_call_levels(limits.call_levels)
            .set_max_string_size(limits.string_bytes)
            .set_max_array_size(limits.array_elements)
            .set_max_map_size(limits.map_entries)
            .set_max_variables(limits.variables)
            .set_max_functions(limits.functions)
            .set_max_expr_depths(limits.depth, limits.depth)
            .set_max_strings_interned(0)
            .disable_symbol("eval")
            .on_print(|_| {})
            .on_debug(|_, _, _| {});
        floats::register(&mut engine);
        arithmetic::register(&mut engine);
        luck::register(&mut engine);
        refuse_sleep(&mut engine);
        meter::register(&mut engine, limits);
        extend(&mut engine);
        Self { engine: Arc::new(engine), limits }
    }

    /// Compiles a script. `file` is what errors call it.
    ///
    /// # Errors
    /// If it does not parse, or is too long.
    pub fn compile(&self, file: &str, source: &str) -> Result<Script, ScriptError> {
        if source.len() > self.limits.source_bytes {
            return Err(ScriptError::too_long(file, source.len(), self.limits.source_bytes));
        }
        let ast = self.engine.compile(source).map_err(|error| ScriptError::of_parse(file, &error, &self.limits))?;
        Ok(Script { sandbox: self.clone(), file: file.into(), ast: Arc::new(ast), source: source.into() })
    }
}

/// Takes the place of rhai's `sleep`, for each type that it takes.
fn refuse_sleep(engine: &mut Engine) {
    const REFUSED: &str = "a script cannot sleep";
    engine
        .register_fn("sleep", |_: i64| -> Result<(), Box<EvalAltResult>> { Err(REFUSED.into()) })
        .register_fn("sleep", |_: f64| -> Result<(), Box<EvalAltResult>> { Err(REFUSED.into()) });
}

/// A compiled script. Copies share it.
#[derive(Clone, Debug)]
pub struct Script {
    sandbox: Sandbox,
    file: Arc<str>,
    ast: Arc<AST>,
    source: Arc<str>,
}

impl Script {
    /// What errors call it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// That the script has the function with so many parameters.
    ///
    /// # Errors
    /// If it has not.
    pub fn require(&self, function: &str, n_parameters: usize) -> Result<(), ScriptError> {
        let found = |f: &rhai::ScriptFnMetadata<'_>| f.name == function && f.params.len() == n_parameters;
        if self.ast.iter_functions().any(|f| found(&f)) {
            return Ok(());
        }
        let others = self.ast.iter_functions().find(|f| f.name == function).map(|f| f.params.len());
        Err(ScriptError::no_function(self, function, n_parameters, others))
    }

    /// Whether the script has a function of this name.
    #[must_use]
    pub fn has(&self, function: &str) -> bool {
        self.ast.iter_functions().any(|f| f.name == function)
    }

    /// Calls a function of the script. Its draws are from `luck`.
    ///
    /// # Errors
    /// If there is no such function, it fails, or reaches a limit.
    pub fn call(&self, function: &str, arguments: impl FuncArgs, luck: &Luck) -> Result<Dynamic, ScriptError> {
        luck.meter().reset();
        let options = CallFnOptions::new().eval_ast(false).with_tag(luck.clone());
        self.sandbox
            .engine
            .call_fn_with_options(options, &mut Scope::new(), &self.ast, function, arguments)
            .map_err(|error| ScriptError::of_call(self, function, &error))
    }

    /// The line and the column where the function is named, from 1.
    fn position(&self, function: &str) -> Option<(usize, usize)> {
        self.source.lines().enumerate().find_map(|(i, line)| {
            line.match_indices("fn ").find_map(|(at, keyword)| {
                let name = line[at + keyword.len()..].trim_start();
                let is_whole = name.strip_prefix(function)?.trim_start().starts_with('(');
                let before = line[..line.len() - name.len()].chars().count();
                is_whole.then_some((i + 1, before + 1))
            })
        })
    }

    /// The error of a function that returned what cannot be used.
    #[must_use]
    pub fn refuse(&self, function: &str, message: String, remedy: String) -> ScriptError {
        let (line, column) = self.position(function).unwrap_or((0, 0));
        ScriptError { file: self.file.to_string(), line, column, message, remedy: Some(remedy) }
    }

    /// What a call may use up.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.sandbox.limits
    }
}
