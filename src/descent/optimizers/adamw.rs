//! `adamw`: Adam whose coordinates, the intercept too, shrink by a part of the learning rate at each step, apart from the
//! gradient (Loshchilov & Hutter 2019, algorithm 2). What it ends at is not an optimum of the objective unless the decay is 0.

use super::super::losses::Shape;
use super::super::registry::{Bound, Choice, Descriptor, Domain, Fallback, Param};
use super::super::spec::Spec;
use super::adam::{BETA1, BETA2, Moments};
use super::first_order::{BATCH_SIZE, EPSILON, FirstOrder, RATE, adaptive_rate};
use super::schedule::SCHEDULE;
use super::{Method, Optimizer, Setting, scale};

pub(super) struct AdamW;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: "adamw",
    summary: "Adam with coordinates that decay by themselves.",
    params: &[
        RATE,
        BETA1,
        BETA2,
        Param {
            name: "weight_decay",
            domain: Domain::Number(Bound::Closed(0.0), Bound::Free),
            fallback: Fallback::Number(0.01),
            meaning: "The part of every coordinate that a step takes away, over the learning rate.",
        },
        EPSILON,
        SCHEDULE,
        BATCH_SIZE,
    ],
};

impl Method for AdamW {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn resolve(&self, spec: Spec, _shape: Shape) -> Spec {
        scale(spec, "standardize")
    }

    fn build(&self, choice: &Choice, setting: &Setting<'_>) -> Box<dyn Optimizer> {
        let rule = Moments::new(choice, setting.width, choice.number("weight_decay").unwrap_or(0.01));
        Box::new(FirstOrder::new(rule, adaptive_rate(choice, 0.05, setting), choice, setting))
    }
}
