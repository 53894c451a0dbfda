//! From arguments to what is posted.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{Fault, table};
use crate::config::FitArgs;

/// A picture to be written.
pub(super) struct Picture {
    /// As the service calls it: `loss.svg`.
    pub(super) name: String,
    pub(super) file: PathBuf,
}

/// The pictures that are asked for, each by the name of its file.
pub(super) fn pictures(args: &FitArgs) -> Result<Vec<Picture>, Fault> {
    const KINDS: [&str; 5] = ["loss", "residuals", "surface", "path", "correlation"];
    let picture = |file: &PathBuf| {
        let part = |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).map(str::to_lowercase);
        let (stem, ending) = (part(file.file_stem()), part(file.extension()));
        let Some(ending) = ending.filter(|ending| ["svg", "png"].contains(&ending.as_str())) else {
            return Err(Fault::Asked(format!("{}: a picture is called .svg or .png", file.display())));
        };
        let kind = stem.filter(|stem| KINDS.contains(&stem.as_str())).unwrap_or_else(|| "fit".to_owned());
        Ok(Picture { name: format!("{kind}.{ending}"), file: file.clone() })
    };
    args.plot.iter().map(picture).collect()
}

/// The fit that the arguments describe.
pub(super) fn body(args: &FitArgs) -> Result<Value, Fault> {
    let data = table::columns(&args.data)?;
    let is_missing = |column: &Value| column.as_array().is_some_and(|values| values.iter().any(Value::is_null));
    let missing = data.values().any(is_missing);
    let mut body = json!({"data": data, "model": model(args)?, "history": {"coefficients": true}});
    if missing {
        body["missing"] = json!("drop_rows");
    }
    if let Some(loss) = &args.loss {
        body["loss"] = json!(loss);
    }
    let mut optimizer = Map::new();
    for (name, value) in [("learning_rate", &args.learning_rate), ("momentum", &args.momentum)] {
        if let Some(value) = value {
            optimizer.insert(name.to_owned(), parsed(value));
        }
    }
    if args.optimizer.is_some() || !optimizer.is_empty() {
        let kind = args.optimizer.as_deref().unwrap_or("gradient_descent");
        optimizer.insert("kind".to_owned(), json!(kind));
        body["optimizer"] = Value::Object(optimizer);
    }
    if let (Some(start), None) = (&args.start, &args.formula) {
        body["start"] = match start.as_str() {
            "zeros" | "random" => json!(start),
            pairs => Value::Object(named(pairs)?),
        };
    }
    if let Some(iterations) = args.iterations {
        body["stop"] = json!({"max_iterations": iterations});
    }
    for setting in &args.set {
        let (path, value) =
            setting.split_once('=').ok_or_else(|| Fault::Asked(format!("--set {setting}: it is PATH=VALUE")))?;
        place(&mut body, path, parsed(value));
    }
    Ok(body)
}

fn model(args: &FitArgs) -> Result<Value, Fault> {
    let kind = if args.formula.is_some() { "formula" } else { args.model.as_str() };
    let mut model = json!({"kind": kind});
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            model[name] = value;
        }
    };
    put("target", args.target.as_ref().map(|name| json!(name)));
    put("feature", args.feature.as_ref().map(|name| json!(name)));
    put("features", (!args.features.is_empty()).then(|| json!(args.features)));
    put("degree", args.degree.map(|degree| json!(degree)));
    put("formula", args.formula.as_ref().map(|text| json!(text)));
    if args.formula.is_some() {
        put("parameters", args.start.as_deref().map(named).transpose()?.map(Value::Object));
    }
    Ok(model)
}

/// `a=1,b=2` as numbers by name.
fn named(pairs: &str) -> Result<Map<String, Value>, Fault> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_owned(), json!(value.trim().parse::<f64>().ok().filter(|value| value.is_finite())?)))
    };
    let fault = |text: &str| Fault::Asked(format!("--start {pairs}: {text} is not NAME=NUMBER"));
    pairs.split(',').map(|text| pair(text).ok_or_else(|| fault(text))).collect()
}

/// A value as JSON, or where it is none as text.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

/// Puts a value where a path of names, with dots between them, leads; what is no object on the way becomes one.
fn place(body: &mut Value, path: &str, value: Value) {
    let mut at = body;
    for name in path.split('.') {
        if let Value::String(kind) = at {
            *at = json!({"kind": kind});
        } else if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[name];
    }
    *at = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_into_choices_and_what_is_not_there_yet() {
        let mut body = json!({"model": "linear", "stop": {"max_iterations": 5}});
        place(&mut body, "model.intercept", parsed("false"));
        place(&mut body, "stop.max_iterations", parsed("7"));
        place(&mut body, "penalty.l2", parsed("0.5"));
        place(&mut body, "labels.who", parsed("me"));
        let expected = json!({
            "model": {"kind": "linear", "intercept": false}, "stop": {"max_iterations": 7}, "penalty": {"l2": 0.5},
            "labels": {"who": "me"}
        });
        assert_eq!(body, expected);
    }
}
