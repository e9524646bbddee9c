//! State-block models that a netlist names instead of agents. Their parameters are the netlist's.

use super::{Netlist, NetlistError, Values, suggestion};
use crate::{
    blocks::{BlockError, Blocks, DefinitionError, Recording, Scripted},
    decimal::Decimal,
    flash_v3::{self, FlashV3, Luck},
    model::{Failure, Model, Point, Run, Value, World},
    rows::Column,
};

/// The parameter that says what FLASH V3 computes with.
const NUMBERS: &str = "numbers";

/// The model of this name.
///
/// # Errors
/// If there is none, or the netlist does not fit it.
pub(super) fn model(name: &str, netlist: Netlist) -> Result<Box<dyn Model>, NetlistError> {
    match name {
        "flash-v3" => flash(netlist),
        "blocks" => scripted(netlist),
        _ => {
            let hint = suggestion(name, ["agents", "blocks", "flash-v3"]);
            Err(netlist.source.error(&netlist.settings.model_span, format!("there is no model `{name}`{hint}")))
        }
    }
}

fn flash(netlist: Netlist) -> Result<Box<dyn Model>, NetlistError> {
    let known = flash_v3::parameters();
    let names = || known.iter().map(|parameter| parameter.name.as_str()).chain([NUMBERS]);
    for declared in &netlist.parameters {
        let name = &declared.parameter.name;
        if !names().any(|known| known == name) {
            let hint = suggestion(name, names());
            return Err(netlist.source.error(&declared.span, format!("flash-v3 has no parameter `{name}`{hint}")));
        }
    }
    let values = Values::at(&netlist.source, &netlist.parameters, &Point::default())?;
    let size = size(&netlist, &values)?;
    let settings = flash_v3::Settings::default;
    let refused = |error: BlockError| netlist.source.error(&netlist.settings.model_span, error.to_string());
    let is_exact = match values.get(NUMBERS) {
        None => true,
        Some(Value::Text(text)) if text == "decimal" => true,
        Some(Value::Text(text)) if text == "float" => false,
        Some(_) => {
            return Err(netlist.error_at_parameter(NUMBERS, "`numbers` is neither \"decimal\" nor \"float\""));
        }
    };
    let model: Box<dyn Model> = if is_exact {
        Box::new(Blocks(FlashV3::<Decimal>::new(settings(), Luck::Drawn, size, true).map_err(refused)?))
    } else {
        Box::new(Blocks(FlashV3::<f64>::new(settings(), Luck::Drawn, size, true).map_err(refused)?))
    };
    let numbers = values.get(NUMBERS).cloned();
    Ok(Box::new(Parametrised { model, netlist, size, numbers }))
}

/// Blocks of the netlist's own, with functions in a script beside it.
fn scripted(netlist: Netlist) -> Result<Box<dyn Model>, NetlistError> {
    let refused = |message: String| netlist.source.error(&netlist.settings.model_span, message);
    let Some(name) = &netlist.settings.script else {
        return Err(refused("a model of blocks needs its functions: say script = \"FILE.rhai\" in [sim]".into()));
    };
    let script = netlist.source.script(name).map_err(refused)?;
    let values = Values::at(&netlist.source, &netlist.parameters, &Point::default())?;
    let size = size(&netlist, &values)?;
    let text = (netlist.source.path.as_str(), netlist.source.text.as_str());
    let model = Scripted::of_netlist(text, size, &values.point(), (&script.0, &script.1));
    let model = model.map_err(|error| match error {
        DefinitionError::Malformed { line, message, .. } => {
            NetlistError { path: netlist.source.path.clone(), line, column: 1, message }
        }
        DefinitionError::Unfit { message, .. } => refused(message),
        DefinitionError::Script(error) => refused(error.to_string()),
    })?;
    let numbers = values.get(NUMBERS).cloned();
    Ok(Box::new(Parametrised { model: Box::new(Blocks(model)), netlist, size, numbers }))
}

/// How many timesteps, and which are recorded.
fn size(netlist: &Netlist, values: &Values) -> Result<(u64, Recording), NetlistError> {
    let times = netlist.settings.times(&netlist.source, values)?;
    let recording = match times.log_every / times.dt.max(1) {
        0 | 1 => Recording::EverySubstep,
        n => Recording::Every(n),
    };
    Ok((times.n_steps, recording))
}

/// A model whose parameters a netlist declares.
struct Parametrised {
    model: Box<dyn Model>,
    netlist: Netlist,
    /// What the model was made with.
    size: (u64, Recording),
    numbers: Option<Value>,
}

impl Model for Parametrised {
    fn columns(&self) -> &[Column] {
        self.model.columns()
    }

    fn n_steps(&self) -> u64 {
        self.model.n_steps()
    }

    fn start<'a>(&'a self, run: &Run<'_>) -> Result<Box<dyn World + 'a>, Failure> {
        let failed = |error: NetlistError| Failure { timestep: 0, reason: error.to_string() };
        let values = Values::at(&self.netlist.source, &self.netlist.parameters, run.point).map_err(failed)?;
        if size(&self.netlist, &values).map_err(failed)? != self.size || values.get(NUMBERS) != self.numbers.as_ref() {
            let reason = "the length of a run and the kind of its numbers are the model's: set them, do not sweep them";
            return Err(Failure { timestep: 0, reason: reason.to_owned() });
        }
        let mut point = values.point();
        point.values.retain(|(name, _)| name != NUMBERS);
        self.model.start(&Run { point: &point, ..*run })
    }
}
