//! Peaks and sums of them on a background. All shapes are looked for as mixtures of a Gaussian and a Lorentzian, by
//! their width at half the height, and then told in the parameters that are usual for each.

use super::super::registry::{Choice, Descriptor};
use super::scan::Target;
use super::spots::{Manner, Placed, Search, Spot};
use super::{Curve, Natural, PEAK_PARAMS, ROWS_MAX, Rows, offered};

/// Peaks that a sum has, at most.
pub(super) const PEAKS_MAX: u64 = 8;

/// Placements of several peaks that are gone over again, at most.
const IMPROVED: usize = 3;

/// Numbers a row that a guess holds at most, those for each peak, and what grids take.
const VECTORS: f64 = 14.2;
const VECTORS_OF_PEAK: f64 = 1.05;
const GRID: f64 = 400.0;

/// The half width at half the height of a Gaussian of standard deviation 1: √(2·ln 2).
const GAUSSIAN_HALF_WIDTH: f64 = 1.177_410_022_515_474_7;

/// A curve that is a sum of peaks of one shape.
pub(super) struct Peaks {
    descriptor: &'static Descriptor,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Gaussian,
    Lorentzian,
    Voigt,
    PseudoVoigt,
    Lognormal,
}

macro_rules! peaks {
    ($kind:literal, $summary:literal, $formula:literal, $shape:expr) => {
        Peaks {
            descriptor: &Descriptor {
                kind: $kind,
                summary: concat!($summary, " on a background; one on a constant is ", $formula),
                params: PEAK_PARAMS,
            },
            shape: $shape,
        }
    };
}

pub(super) static GAUSSIAN: Peaks =
    peaks!("gaussian", "Gaussian peaks", "height*exp(-0.5*((x-center)/sigma)^2)+offset", Shape::Gaussian);

pub(super) static LORENTZIAN: Peaks = peaks!(
    "lorentzian",
    "Lorentzian peaks of half width gamma",
    "height/(1+((x-center)/gamma)^2)+offset",
    Shape::Lorentzian
);

pub(super) static VOIGT: Peaks = peaks!(
    "voigt",
    "Voigt peaks: Gaussians of width sigma, smeared out by Lorentzians of half width gamma,",
    "area*voigt(x-center,sigma,gamma)+offset",
    Shape::Voigt
);

pub(super) static PSEUDO_VOIGT: Peaks = peaks!(
    "pseudo_voigt",
    "Mixtures of a Lorentzian and a Gaussian of one width at half the height",
    "height*(fraction/(1+4*((x-center)/fwhm)^2)+(1-fraction)*exp(-4*log(2)*((x-center)/fwhm)^2))+offset",
    Shape::PseudoVoigt
);

pub(super) static LOGNORMAL_PEAK: Peaks = peaks!(
    "lognormal_peak",
    "Peaks that are Gaussian over the logarithm of x, for x > 0,",
    "height*exp(-0.5*(log(x/center)/sigma)^2)+offset",
    Shape::Lognormal
);

impl Shape {
    /// One peak with the suffix behind each parameter.
    fn formula(self, i: &str) -> String {
        match self {
            Self::Gaussian => format!("height{i}*exp(-0.5*((x-center{i})/sigma{i})^2)"),
            Self::Lorentzian => format!("height{i}/(1+((x-center{i})/gamma{i})^2)"),
            Self::Voigt => format!("area{i}*voigt(x-center{i},sigma{i},gamma{i})"),
            Self::PseudoVoigt => format!(
                "height{i}*(fraction{i}/(1+4*((x-center{i})/fwhm{i})^2)+(1-fraction{i})*exp(-4*log(2)*((x-center{i})/fwhm{i})^2))"
            ),
            Self::Lognormal => format!("height{i}*exp(-0.5*(log(x/center{i})/sigma{i})^2)"),
        }
    }

    fn parameters(self) -> &'static [(&'static str, f64, f64)] {
        const ANY: f64 = f64::INFINITY;
        match self {
            Self::Gaussian => &[("height", -ANY, ANY), ("center", -ANY, ANY), ("sigma", 0.0, ANY)],
            Self::Lorentzian => &[("height", -ANY, ANY), ("center", -ANY, ANY), ("gamma", 0.0, ANY)],
            Self::Voigt => &[("area", -ANY, ANY), ("center", -ANY, ANY), ("sigma", 0.0, ANY), ("gamma", 0.0, ANY)],
            Self::PseudoVoigt => {
                &[("height", -ANY, ANY), ("center", -ANY, ANY), ("fwhm", 0.0, ANY), ("fraction", 0.0, 1.0)]
            }
            Self::Lognormal => &[("height", -ANY, ANY), ("center", 0.0, ANY), ("sigma", 0.0, ANY)],
        }
    }

    /// The Lorentzian part that all peaks of this shape have.
    fn mix(self) -> Option<f64> {
        match self {
            Self::Gaussian | Self::Lognormal => Some(0.0),
            Self::Lorentzian => Some(1.0),
            Self::Voigt | Self::PseudoVoigt => None,
        }
    }

    /// A peak in its own parameters.
    fn told(self, spot: &Spot, height: f64) -> Vec<f64> {
        let Spot { center, width, mix } = *spot;
        match self {
            Self::Gaussian => vec![height, center, width / GAUSSIAN_HALF_WIDTH],
            Self::Lorentzian => vec![height, center, width],
            Self::Lognormal => vec![height, libm::exp(center), width / GAUSSIAN_HALF_WIDTH],
            // On an end of the range a solver would not see which way to go.
            Self::PseudoVoigt => vec![height, center, 2.0 * width, mix.clamp(0.02, 0.98)],
            Self::Voigt => {
                // Thompson, Cox & Hastings 1987: the widths of the parts by the width and the mix of the whole.
                let mix = mix.clamp(0.04, 0.96);
                let lorentzian = mix * (0.729_28 + mix * (0.192_89 + mix * 0.077_83));
                let gaussian = 1.0 - mix * (0.744_17 + mix * (0.247_81 + mix * 0.008_10));
                let sigma = width * gaussian.max(0.0025).sqrt() / GAUSSIAN_HALF_WIDTH;
                let (pi, ln2) = (std::f64::consts::PI, std::f64::consts::LN_2);
                let area = height * width * (mix * pi + (1.0 - mix) * (pi / ln2).sqrt());
                vec![area, center, sigma, width * lorentzian]
            }
        }
    }
}

/// Rows that so many peaks are looked for in, at most.
fn rows_max(peaks: usize) -> usize {
    if peaks > 2 { ROWS_MAX / 2 } else { ROWS_MAX }
}

/// The number of peaks and the number of terms of the background.
fn counts(choice: &Choice) -> (usize, usize) {
    let peaks = choice.integer("peaks").unwrap_or(1).clamp(1, PEAKS_MAX) as usize;
    let background = match choice.text("background") {
        Some("none") => 0,
        Some("linear") => 2,
        _ => 1,
    };
    (peaks, background)
}

/// What stands behind the names of each peak: nothing where there is only one.
fn suffixes(peaks: usize) -> Vec<String> {
    if peaks == 1 { vec![String::new()] } else { (1..=peaks).map(|at| at.to_string()).collect() }
}

/// Ways to place the peaks. Which one leads to the right ones depends on how much they overlap and what they stand on.
fn manners(peaks: usize, span: f64) -> Vec<Manner> {
    let share = span / peaks as f64;
    let all = [
        (0.5 * span, 0.0),
        (0.3 * share, 1.0),
        (0.3 * share, -1.0),
        (0.3 * share, 0.0),
        (0.1 * share, 1.0),
        (0.1 * share, -1.0),
    ];
    all.into_iter().map(|(widest, sign)| Manner { widest, sign }).collect()
}

/// Sorted by what they leave: the first of each that leave practically the same, and the others.
fn split(placed: Vec<Placed>) -> (Vec<Placed>, Vec<Placed>) {
    let (mut firsts, mut repeated) = (Vec::<Placed>::new(), Vec::new());
    for one in placed {
        if firsts.last().is_some_and(|last| one.rest <= 1.002 * last.rest) {
            repeated.push(one);
        } else {
            firsts.push(one);
        }
    }
    (firsts, repeated)
}

impl Curve for Peaks {
    fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    fn formula(&self, choice: &Choice) -> String {
        let (peaks, background) = counts(choice);
        let sum: Vec<String> = suffixes(peaks).iter().map(|suffix| self.shape.formula(suffix)).collect();
        sum.join("+") + ["", "+offset", "+offset+slope*x"][background]
    }

    fn parameters(&self, choice: &Choice) -> Vec<Natural> {
        let (peaks, background) = counts(choice);
        let mut all = Vec::new();
        for suffix in suffixes(peaks) {
            for (name, min, max) in self.shape.parameters() {
                all.push(Natural { name: format!("{name}{suffix}"), min: *min, max: *max });
            }
        }
        for name in ["offset", "slope"].into_iter().take(background) {
            all.push(Natural { name: name.to_owned(), min: f64::NEG_INFINITY, max: f64::INFINITY });
        }
        all
    }

    fn guess(&self, choice: &Choice, rows: Rows<'_>) -> Vec<Vec<f64>> {
        let (peaks, background) = counts(choice);
        let mut rows = rows.into_thinned(rows_max(peaks));
        let x = if self.shape == Shape::Lognormal {
            rows = rows.kept(|x| x > 0.0);
            let x = rows.x.clone();
            rows.x.iter_mut().for_each(|x| *x = libm::log(*x));
            x
        } else {
            rows.x.clone()
        };
        let origin = x.first().copied().unwrap_or(0.0);
        let terms = [vec![1.0; x.len()], x.iter().map(|x| x - origin).collect()];
        let (span, gap) = (rows.span(), rows.gap(0.5));
        let search = Search {
            u: &rows.x,
            background: terms.into_iter().take(background).collect(),
            target: Target::new(&rows),
            mix: self.shape.mix(),
            span,
            gap,
            given_up: rows.given_up,
        };
        let mut placed: Vec<Placed> =
            manners(peaks, span).into_iter().filter_map(|manner| search.placed(peaks, manner)).collect();
        placed.sort_by(|a, b| a.rest.total_cmp(&b.rest));
        // Those that came to the same place stand behind: they say nothing new.
        let (mut placed, mut repeated) = split(placed);
        for one in placed.iter_mut().take(IMPROVED) {
            if let Some(better) = search.improved(one) {
                *one = better;
            }
        }
        placed.sort_by(|a, b| a.rest.total_cmp(&b.rest));
        placed.append(&mut repeated);
        let told = |placed: &Placed| -> Vec<f64> {
            let mut start: Vec<f64> = placed
                .spots
                .iter()
                .zip(&placed.heights)
                .flat_map(|(spot, height)| self.shape.told(spot, *height))
                .collect();
            start.extend(&placed.background);
            if background == 2 {
                let slope = placed.background[1];
                let offset = start.len() - 2;
                start[offset] -= slope * origin;
            }
            start
        };
        offered(&self.parameters(choice), placed.iter().map(told).collect())
    }

    fn guess_numbers(&self, choice: &Choice, rows: f64) -> f64 {
        let peaks = counts(choice).0;
        (VECTORS + VECTORS_OF_PEAK * peaks as f64) * rows.min(rows_max(peaks) as f64) + GRID
    }
}
