//! `active_set`: for losses of straight lines with kinks. The kinks are smoothed less and less, then the descent goes from
//! vertex to vertex until the multipliers prove the optimum (Koenker & d'Orey 1987); see [`Vertex`].
//! Of a curve it takes the tangent again and again, within a trusted range; see [`Linearized`].
//! With an l2 penalty there are no vertices: then the smoothing goes on until it is rounding.

use super::super::lanes::Lanes;
use super::super::losses::Shape;
use super::super::models::is_curve;
use super::super::objective::Objective;
use super::super::registry::{Choice, Descriptor};
use super::super::spec::{Spec, SpecError};
use super::super::vertex::{Progress, Vertex};
use super::linearized::Linearized;
use super::{Advance, Holds, Method, Optimizer, Position, Setting, scale, unsuited};

pub(super) struct ActiveSet;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "active_set",
    summary: "Exact optima of the absolute and quantile losses, from vertex to vertex.",
    params: &[],
};

impl Method for ActiveSet {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn resolve(&self, spec: Spec, _shape: Shape) -> Spec {
        let plain = spec.penalty.l1 == 0.0 && spec.bounds.is_empty();
        scale(spec, if plain { "whiten" } else { "standardize" })
    }

    fn check(&self, spec: &Spec, shape: Shape) -> Option<SpecError> {
        if shape != Shape::PiecewiseLinear {
            return unsuited("", "active_set takes the absolute and quantile losses alone");
        }
        if is_curve(&spec.model) && spec.penalty.l1 + spec.penalty.l2 > 0.0 {
            return unsuited("", "active_set takes no penalty on a curve; gradient_descent and adam do");
        }
        None
    }

    fn holds(&self, _choice: &Choice) -> Holds {
        Holds::Lines
    }

    fn build(&self, _choice: &Choice, setting: &Setting<'_>) -> Box<dyn Optimizer> {
        if setting.curved {
            return Box::new(Linearized::new());
        }
        Box::new(Running { vertex: None, stored: Vec::new() })
    }
}

struct Running {
    vertex: Option<Vertex>,
    /// What a checkpoint held, until the rows have been read.
    stored: Vec<(String, Vec<f64>)>,
}

impl Optimizer for Running {
    fn advance(&mut self, objective: &dyn Objective, here: &mut Position) -> Advance {
        if self.vertex.is_none() {
            let Some(lines) = objective.lines(&here.at) else { return Advance::Stuck };
            if objective.is_given_up() {
                // The loop asks the observer next.
                return Advance::Moved;
            }
            let mut vertex = Vertex::new(Lanes::chosen(), lines.a, lines.b, lines.low, lines.high, &here.at);
            if let Some(curvature) = lines.curvature {
                vertex = vertex.with_quadratic(curvature);
            }
            if !self.stored.is_empty() && !vertex.restore(&std::mem::take(&mut self.stored)) {
                return Advance::Stuck;
            }
            self.vertex = Some(vertex);
        }
        let Some(vertex) = &mut self.vertex else { return Advance::Stuck };
        let progress = vertex.step(&|| objective.is_given_up());
        here.at.copy_from_slice(vertex.at());
        match progress {
            Progress::Moved => Advance::Moved,
            Progress::Stuck => Advance::Stuck,
            Progress::GivenUp => Advance::GivenUp,
            Progress::Optimal => {
                here.evaluation = objective.evaluate(&here.at, &mut here.gradient);
                Advance::Optimal
            }
        }
    }

    fn rest(&mut self) {
        self.stored = self.state();
        self.vertex = None;
    }

    fn state(&self) -> Vec<(String, Vec<f64>)> {
        self.vertex.as_ref().map_or_else(|| self.stored.clone(), Vertex::state)
    }

    fn restore(&mut self, state: &[(String, Vec<f64>)]) -> bool {
        self.stored = state.to_vec();
        true
    }
}
