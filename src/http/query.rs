//! Query parameters: each is taken by name, and what nobody took is an error, so that a misspelt filter is never a
//! filter that was silently left out.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::Problem;

/// The parameters that nobody has taken yet.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let axum::extract::Query(pairs) = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::invalid_query("?", "the query cannot be read"))?;
        Ok(Self(pairs))
    }
}

impl Query {
    /// The value of this parameter, which may appear once.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let Some(at) = self.0.iter().position(|(key, _)| key == name) else { return Ok(None) };
        let (_, value) = self.0.remove(at);
        if self.0.iter().any(|(key, _)| key == name) {
            return Err(Problem::invalid_query(name, "it appears twice"));
        }
        Ok(Some(value))
    }

    /// The values of all parameters whose name starts like this, with the rest of their names.
    pub(super) fn take_prefixed(&mut self, prefix: &str) -> Vec<(String, String)> {
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(key, _)| key.starts_with(prefix));
        self.0 = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(key, value)| (key[prefix.len()..].to_owned(), value)).collect()
    }

    /// A parameter as what it should be.
    pub(super) fn parse<T: FromStr>(&mut self, name: &str, expected: &str) -> Result<Option<T>, Problem> {
        self.take(name)?
            .map(|value| {
                value.parse().map_err(|_| Problem::invalid_query(name, format!("{value:?} is not {expected}")))
            })
            .transpose()
    }

    /// A whole number between two, both included.
    pub(super) fn whole(&mut self, name: &str, min: u64, max: u64) -> Result<Option<u64>, Problem> {
        match self.parse::<u64>(name, "a whole number")? {
            Some(number) if number < min || number > max => {
                Err(Problem::invalid_query(name, format!("it must be between {min} and {max}")))
            }
            number => Ok(number),
        }
    }

    /// Refuses what nobody took.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.0.first() {
            Some((name, _)) => Err(Problem::invalid_query(name, "there is no such parameter")),
            None => Ok(()),
        }
    }
}
