//! The curves as plain functions, and parameters that a person would meet.

use super::{Case, Draw};

fn exp(x: f64) -> f64 {
    libm::exp(x)
}

fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

pub(super) const DECAY: &[Case] = &[
    Case {
        kind: "exponential_decay",
        value: |p, x| p[0] * exp(-p[1] * x) + p[2],
        draw: |d| {
            let p = vec![d.sign() * d.y * d.between(0.5, 3.0), d.log(0.7, 15.0) / d.x, d.y * d.between(-2.0, 2.0)];
            (p, 0.0, d.x)
        },
        scaled: true,
    },
    Case {
        kind: "exponential_growth",
        value: |p, x| p[0] * exp(p[1] * x) + p[2],
        draw: |d| {
            let rate = d.log(0.7, 10.0);
            let p = vec![d.sign() * d.y * d.between(0.5, 3.0) * exp(-rate), rate / d.x, d.y * d.between(-2.0, 2.0)];
            (p, -0.2 * d.x, d.x)
        },
        scaled: true,
    },
    Case {
        kind: "exponential_saturation",
        value: |p, x| p[0] * (1.0 - exp(-p[1] * x)),
        draw: |d| (vec![d.sign() * d.y * d.between(0.5, 3.0), d.log(0.5, 20.0) / d.x], 0.0, d.x),
        scaled: true,
    },
    Case {
        kind: "double_exponential",
        value: |p, x| p[0] * exp(-p[1] * x) + p[2] * exp(-p[3] * x) + p[4],
        draw: |d| {
            let slow = d.log(1.0, 4.0);
            let fast = slow * d.log(3.0, 10.0);
            let p = vec![
                d.sign() * d.y * d.between(0.7, 2.0),
                fast / d.x,
                d.sign() * d.y * d.between(0.7, 2.0),
                slow / d.x,
                d.y * d.between(-1.0, 1.0),
            ];
            (p, 0.0, d.x)
        },
        scaled: true,
    },
    Case {
        kind: "stretched_exponential",
        value: |p, x| p[0] * exp(-pow(x / p[1], p[2])) + p[3],
        draw: |d| {
            let p = vec![
                d.sign() * d.y * d.between(0.5, 3.0),
                d.x * d.log(0.05, 0.6),
                d.between(0.4, 2.0),
                d.y * d.between(-1.0, 1.0),
            ];
            (p, 0.0, d.x)
        },
        scaled: true,
    },
    Case {
        kind: "bateman",
        value: |p, x| p[0] * (exp(-p[1] * x) - exp(-p[2] * x)),
        draw: |d| {
            let slow = d.log(1.0, 5.0);
            (vec![d.y * d.between(0.5, 3.0), slow / d.x, slow * d.log(1.5, 15.0) / d.x], 0.0, d.x)
        },
        scaled: true,
    },
];

pub(super) const POWERS: &[Case] = &[
    Case {
        kind: "power_law",
        value: |p, x| p[0] * pow(x, p[1]),
        draw: |d| {
            let power = d.sign() * d.between(0.3, 4.0);
            (
                vec![d.sign() * d.y * d.between(0.5, 2.0) * pow(d.x, -power), power],
                0.1 * d.x,
                d.between(1.0, 50.0) * d.x,
            )
        },
        scaled: true,
    },
    Case {
        kind: "power_law_offset",
        value: |p, x| p[0] * pow(x, p[1]) + p[2],
        draw: |d| {
            let power = d.sign() * d.between(0.4, 3.0);
            let a = d.sign() * d.y * d.between(0.5, 2.0) * pow(d.x, -power);
            (vec![a, power, d.y * d.between(-3.0, 3.0)], 0.1 * d.x, d.between(1.0, 20.0) * d.x)
        },
        scaled: true,
    },
    Case {
        kind: "logarithmic",
        value: |p, x| p[0] * libm::log(x) + p[1],
        draw: |d| (vec![d.sign() * d.y * d.between(0.5, 2.0), d.y * d.between(-5.0, 5.0)], 0.1 * d.x, 8.0 * d.x),
        scaled: true,
    },
    Case {
        kind: "rational",
        value: |p, x| (p[0] + p[1] * x) / (1.0 + p[2] * x),
        draw: |d| {
            let p = vec![d.y * d.between(-2.0, 2.0), d.y * d.between(3.0, 9.0) / d.x, d.log(0.2, 10.0) / d.x];
            (p, 0.0, 2.0 * d.x)
        },
        scaled: true,
    },
    Case {
        kind: "arrhenius",
        value: |p, x| p[0] * exp(-p[1] / (8.314462618 * x)),
        draw: |d| (vec![d.y * d.log(1e3, 1e16), d.log(1e4, 2e5)], d.between(250.0, 300.0), d.between(340.0, 900.0)),
        scaled: false,
    },
];

fn rising(d: &mut Draw) -> (f64, f64, f64) {
    let rate = d.sign() * d.log(5.0, 40.0) / d.x;
    (d.sign() * d.y * d.between(0.5, 3.0), rate, d.x * d.between(0.2, 0.8))
}

pub(super) const GROWTH: &[Case] = &[
    Case {
        kind: "logistic_growth",
        value: |p, x| p[0] / (1.0 + exp(-p[1] * (x - p[2]))),
        draw: |d| {
            let (capacity, rate, middle) = rising(d);
            (vec![capacity, rate, middle], 0.0, d.x)
        },
        scaled: true,
    },
    Case {
        kind: "gompertz",
        value: |p, x| p[0] * exp(-exp(-p[1] * (x - p[2]))),
        draw: |d| {
            let (capacity, rate, middle) = rising(d);
            (vec![capacity, rate, middle], 0.0, d.x)
        },
        scaled: true,
    },
    Case {
        kind: "richards",
        value: |p, x| p[0] / pow(1.0 + p[3] * exp(-p[1] * (x - p[2])), 1.0 / p[3]),
        draw: |d| {
            let (capacity, rate, middle) = rising(d);
            (vec![capacity, rate, middle, d.log(0.3, 4.0)], 0.0, d.x)
        },
        scaled: true,
    },
    Case {
        kind: "von_bertalanffy",
        value: |p, x| p[0] * (1.0 - exp(-p[1] * (x - p[2]))),
        draw: |d| {
            let p = vec![d.sign() * d.y * d.between(0.5, 3.0), d.log(0.7, 10.0) / d.x, d.x * d.between(-0.3, 0.1)];
            (p, 0.0, d.x)
        },
        scaled: true,
    },
    Case {
        kind: "weibull",
        value: |p, x| p[0] * (1.0 - exp(-pow(x / p[1], p[2]))),
        draw: |d| {
            let p = vec![d.sign() * d.y * d.between(0.5, 3.0), d.x * d.log(0.1, 0.8), d.log(0.5, 6.0)];
            (p, 0.0, d.x)
        },
        scaled: true,
    },
];

fn step(d: &mut Draw) -> Vec<f64> {
    let width = d.x * d.log(0.015, 0.15);
    vec![d.sign() * d.y * d.between(0.5, 3.0), d.x * (1.0 + d.between(0.15, 0.85)), width, d.y * d.between(-4.0, 4.0)]
}

pub(super) const STEPS: &[Case] = &[
    Case {
        kind: "boltzmann",
        value: |p, x| p[0] + (p[1] - p[0]) / (1.0 + exp((p[2] - x) / p[3])),
        draw: |d| {
            let p = step(d);
            (vec![p[3], p[3] + p[0], p[1], p[2]], d.x, 2.0 * d.x)
        },
        scaled: true,
    },
    Case {
        kind: "error_function_step",
        value: |p, x| p[0] * libm::erf((x - p[1]) / p[2]) + p[3],
        draw: |d| (step(d), d.x, 2.0 * d.x),
        scaled: true,
    },
    Case {
        kind: "arctangent_step",
        value: |p, x| p[0] * libm::atan((x - p[1]) / p[2]) + p[3],
        draw: |d| (step(d), d.x, 2.0 * d.x),
        scaled: true,
    },
    Case {
        kind: "broken_line",
        value: |p, x| p[0] + p[1] * x + p[2] * (x - p[3]).max(0.0),
        draw: |d| {
            let slope = d.y * d.between(-2.0, 2.0) / d.x;
            let change = d.sign() * d.y * d.between(2.0, 6.0) / d.x;
            (vec![d.y * d.between(-2.0, 2.0), slope, change, d.x * (3.0 + d.between(0.2, 0.8))], 3.0 * d.x, 4.0 * d.x)
        },
        scaled: true,
    },
];

fn dose(d: &mut Draw) -> Vec<f64> {
    let bottom = d.y * d.between(-1.0, 1.0);
    vec![bottom, bottom + d.sign() * d.y * d.between(1.0, 3.0), d.x * d.log(0.08, 0.5), d.log(0.7, 5.0)]
}

pub(super) const SATURATION: &[Case] = &[
    Case {
        kind: "michaelis_menten",
        value: |p, x| p[0] * x / (p[1] + x),
        draw: |d| (vec![d.sign() * d.y * d.between(0.5, 3.0), d.x * d.log(0.02, 2.0)], 0.0, d.x),
        scaled: true,
    },
    Case {
        kind: "substrate_inhibition",
        value: |p, x| p[0] * x / (p[1] + x + x * x / p[2]),
        draw: |d| (vec![d.y * d.between(0.5, 3.0), d.x * d.log(0.02, 0.3), d.x * d.log(0.1, 2.0)], 0.0, d.x),
        scaled: true,
    },
    Case {
        kind: "hill",
        value: |p, x| p[0] + (p[1] - p[0]) * pow(x, p[3]) / (pow(p[2], p[3]) + pow(x, p[3])),
        draw: |d| (dose(d), 0.0, d.x),
        scaled: true,
    },
    Case {
        kind: "hill5",
        value: |p, x| p[1] + (p[0] - p[1]) / pow(1.0 + pow(x, p[3]) / pow(p[2], p[3]), p[4]),
        draw: |d| {
            let mut p = dose(d);
            p.push(d.log(0.4, 3.0));
            (p, 0.0, d.x)
        },
        scaled: true,
    },
    Case {
        kind: "langmuir",
        value: |p, x| p[0] * p[1] * x / (1.0 + p[1] * x),
        draw: |d| (vec![d.y * d.between(0.5, 3.0), d.log(0.5, 50.0) / d.x], 0.0, d.x),
        scaled: true,
    },
];

pub(super) const WAVES: &[Case] = &[
    Case {
        kind: "sine",
        value: |p, x| p[0] * libm::sin(p[1] * x + p[2]) + p[3],
        draw: |d| {
            let omega = std::f64::consts::TAU * d.log(0.8, 12.0) / d.x;
            let p = vec![d.sign() * d.y * d.between(0.5, 2.0), omega, d.between(-3.0, 3.0), d.y * d.between(-5.0, 5.0)];
            (p, d.x, 2.0 * d.x)
        },
        scaled: true,
    },
    Case {
        kind: "damped_sine",
        value: |p, x| p[0] * exp(-p[1] * x) * libm::sin(p[2] * x + p[3]) + p[4],
        draw: |d| {
            let omega = std::f64::consts::TAU * d.log(1.5, 12.0) / d.x;
            let p = vec![
                d.sign() * d.y * d.between(0.5, 2.0),
                d.between(-1.0, 6.0) / d.x,
                omega,
                d.between(-3.0, 3.0),
                d.y * d.between(-2.0, 2.0),
            ];
            (p, 0.0, d.x)
        },
        scaled: true,
    },
];
