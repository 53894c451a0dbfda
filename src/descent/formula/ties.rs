//! From the texts of a formula and of its parameters' ties to one tape. A tied parameter is the node of its expression
//! wherever it appears, so that whatever knows the graph (slopes, linearity) knows of ties.

use std::collections::HashMap;

use super::graph::{Graph, Id, Node};
use super::lexer::names_in;
use super::parser::parse;
use super::{FormulaError, Tape};

/// A parameter as the compiler sees it.
pub(in crate::descent) struct Tied<'a> {
    pub(in crate::descent) name: &'a str,
    /// Whether it is estimated.
    pub(in crate::descent) is_free: bool,
    /// Its value in terms of other parameters.
    pub(in crate::descent) expr: Option<&'a str>,
}

/// Where a fault is: in the formula, or in the expression of this parameter.
pub(in crate::descent) type Place = Option<usize>;

/// Compiles a formula in these columns and parameters.
pub(in crate::descent) fn compile(
    formula: &str,
    columns: &[String],
    parameters: &[Tied<'_>],
) -> Result<Tape, (Place, FormulaError)> {
    let mut graph = Graph::default();
    let mut names: HashMap<String, Id> = HashMap::new();
    let pi = graph.number(std::f64::consts::PI);
    names.insert("pi".to_owned(), pi);
    for (index, parameter) in parameters.iter().enumerate().filter(|(_, parameter)| parameter.expr.is_none()) {
        let node = graph.node(Node::Parameter(index as u32));
        names.insert(parameter.name.to_owned(), node);
    }
    let ties = ties(&mut graph, &mut names, parameters)?;
    for (index, column) in columns.iter().enumerate() {
        let node = graph.node(Node::Column(index as u32));
        names.insert(column.clone(), node);
    }
    let root = parse(&mut graph, formula, &names).map_err(|error| (None, error))?;
    let free: Vec<u32> = (0..parameters.len() as u32).filter(|k| parameters[*k as usize].is_free).collect();
    Ok(Tape::new(graph, root, &ties, parameters.len(), &free))
}

/// The nodes of the tied parameters, each parsed once all that it names has a node.
fn ties(
    graph: &mut Graph,
    names: &mut HashMap<String, Id>,
    parameters: &[Tied<'_>],
) -> Result<Vec<(usize, Id)>, (Place, FormulaError)> {
    let mut open: Vec<(usize, &str, Vec<String>)> = parameters
        .iter()
        .enumerate()
        .filter_map(|(index, parameter)| parameter.expr.map(|expr| (index, expr, names_in(expr))))
        .collect();
    let mut ties = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let waits = |used: &[String]| {
            used.iter().any(|name| !names.contains_key(name) && parameters.iter().any(|other| other.name == *name))
        };
        let Some(ready) = open.iter().position(|(_, _, used)| !waits(used)) else {
            let (index, ..) = open[0];
            let detail = format!("{} is tied to itself, over others or not", parameters[index].name);
            return Err((Some(index), FormulaError { code: "invalid_formula", detail, limit: None }));
        };
        let (index, expr, _) = open.remove(ready);
        let node = parse(graph, expr, names).map_err(|error| (Some(index), error))?;
        names.insert(parameters[index].name.to_owned(), node);
        ties.push((index, node));
    }
    Ok(ties)
}
