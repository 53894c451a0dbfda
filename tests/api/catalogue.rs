//! The catalogue and openapi.yaml say the same about every choice: kinds, parameters, ranges and defaults.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::app::spawn_app;
use crate::contract::Contract;

/// The schemas of objects with a `kind` that openapi.yaml offers for a section, and the names it offers alone.
fn offered(section: &str) -> (Vec<(String, &'static Value)>, BTreeSet<String>) {
    let contract = Contract::get();
    let schema = match section {
        "models" => "Model",
        "losses" => "Loss",
        "optimizers" => "Optimizer",
        "schedules" => "Schedule",
        "scalings" => "Scaling",
        other => panic!("openapi.yaml knows no section {other}"),
    };
    let (mut objects, mut names) = (Vec::new(), BTreeSet::new());
    for choice in contract.schema(schema)["oneOf"].as_array().unwrap() {
        let Some(reference) = choice["$ref"].as_str() else {
            names.extend(words(&choice["enum"]));
            continue;
        };
        let object = contract.document.pointer(reference.trim_start_matches('#')).unwrap();
        let kind = &object["properties"]["kind"];
        let kinds = kind["const"].as_str().map_or_else(|| words(&kind["enum"]), |kind| vec![kind.to_owned()]);
        objects.extend(kinds.into_iter().map(|kind| (kind, object)));
    }
    (objects, names)
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptors_and_schemas_agree() {
    let catalogue = spawn_app().await.get("/catalogue").await.expect(200).json();
    for (section, entries) in catalogue.as_object().unwrap() {
        let (objects, names) = offered(section);
        let entries = entries.as_array().unwrap();
        let kinds: BTreeSet<_> = entries.iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds, objects.iter().map(|(kind, _)| kind.clone()).collect(), "{section}");

        for entry in entries {
            let kind = entry["kind"].as_str().unwrap();
            let (_, schema) = objects.iter().find(|(name, _)| name == kind).unwrap();
            let parameters = entry["parameters"].as_array().unwrap();
            agree_on_parameters(&format!("{section} {kind}"), parameters, schema);
            let needs_more = parameters.iter().any(|parameter| parameter["required"] == true);
            assert_eq!(names.contains(kind), !needs_more, "{section} {kind} by its name alone");
        }
    }
}

fn agree_on_parameters(what: &str, parameters: &[Value], schema: &'static Value) {
    let described: BTreeSet<_> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(described, properties.keys().map(String::as_str).filter(|key| *key != "kind").collect(), "{what}");
    let required = words(&schema["required"]);
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap();
        assert_eq!(parameter["required"] == true, required.iter().any(|other| other == name), "{what} {name}");
        agree_on_one(&format!("{what} {name}"), parameter, resolved(&properties[name]));
    }
}

fn resolved(schema: &'static Value) -> &'static Value {
    schema["$ref"]
        .as_str()
        .map_or(schema, |reference| Contract::get().document.pointer(reference.trim_start_matches('#')).unwrap())
}

fn agree_on_one(what: &str, parameter: &Value, schema: &Value) {
    let kind = parameter["type"].as_str().unwrap();
    // Where there are alternatives, the first is the number and another one lists the words.
    let alternatives: Vec<&Value> =
        schema["oneOf"].as_array().map_or_else(|| vec![schema], |list| list.iter().collect());
    let expected = match kind {
        "number" => "number",
        "integer" => "integer",
        "flag" => "boolean",
        "word" | "column" | "text" => "string",
        "columns" => "array",
        "factors" | "parameters" => "object",
        // The section's own entries are compared by themselves.
        "choice" => return assert_eq!(parameter["default"], schema["default"], "{what} default"),
        other => panic!("{other} is not a type of the catalogue"),
    };
    let main =
        alternatives.iter().find(|one| one["type"] == expected).unwrap_or_else(|| panic!("{what}: no {expected}"));
    for (ours, theirs) in [
        ("minimum", "minimum"),
        ("maximum", "maximum"),
        ("exclusive_minimum", "exclusiveMinimum"),
        ("exclusive_maximum", "exclusiveMaximum"),
    ] {
        assert_eq!(parameter[ours].as_f64(), main[theirs].as_f64(), "{what} {ours}");
    }
    if let Some(list) = parameter.get("words") {
        let offered: Vec<_> = alternatives.iter().filter(|one| one["enum"].is_array()).collect();
        assert_eq!(words(list), words(&offered[0]["enum"]), "{what} words");
    }
    // Defaults of columns are rules; a schema can only say the one that is a name.
    let Some(default) = parameter.get("default").filter(|default| !default.as_str().is_some_and(is_rule)) else {
        return;
    };
    match (default.as_f64(), schema["default"].as_f64()) {
        (Some(one), Some(other)) => assert!((one - other).abs() < f64::EPSILON, "{what} default"),
        _ => assert_eq!(*default, schema["default"], "{what} default"),
    }
}

fn is_rule(default: &str) -> bool {
    matches!(default, "other_columns" | "only_other_column")
}
