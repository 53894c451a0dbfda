//! The flags of `fitd fit`.

use std::path::PathBuf;

use clap::Args;

/// What is fitted, where, and what is shown of it.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct FitArgs {
    /// A CSV file whose first line names the columns; `-` reads standard input
    pub data: PathBuf,
    /// The service
    #[arg(long, env = "FITD_SERVER", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub server: String,
    /// Fit in this process, without a service
    #[arg(long, conflicts_with = "server")]
    pub local: bool,
    /// The model, such as `linear`, `logistic` or `exponential_decay`; with --formula it is `formula`
    #[arg(long, default_value = "linear")]
    pub model: String,
    /// The column to predict [default: y]
    #[arg(long)]
    pub target: Option<String>,
    /// The columns that predict, by commas [default: all others]
    #[arg(long, value_delimiter = ',')]
    pub features: Vec<String>,
    /// The one column that predicts, of a polynomial or a curve [default: the only other one]
    #[arg(long)]
    pub feature: Option<String>,
    /// The degree of a polynomial
    #[arg(long)]
    pub degree: Option<u32>,
    /// An expression in columns and parameters, such as `a*exp(-b*x)+c`
    #[arg(long)]
    pub formula: Option<String>,
    /// Where coefficients start: `a=1,b=0.5`, `zeros` or `random`; the parameters of a formula too
    #[arg(long)]
    pub start: Option<String>,
    /// The loss
    #[arg(long)]
    pub loss: Option<String>,
    /// The optimizer; with --learning-rate it is `gradient_descent`
    #[arg(long)]
    pub optimizer: Option<String>,
    /// The learning rate
    #[arg(long, value_name = "RATE")]
    pub learning_rate: Option<String>,
    /// How much of the last step is kept
    #[arg(long)]
    pub momentum: Option<String>,
    /// Iterations, at most
    #[arg(long)]
    pub iterations: Option<u64>,
    /// Anything else that a fit takes, such as `penalty.l2=0.1` or `validation={"folds": 5}`; may be given again
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// A picture to write, SVG or PNG: `loss.svg`, `residuals.png`, `surface.svg`, `path.svg` and `correlation.svg` are
    /// those, any other name is the fit; may be given again
    #[arg(long, value_name = "FILE")]
    pub plot: Vec<PathBuf>,
    /// Print the whole fit as JSON
    #[arg(long)]
    pub json: bool,
}
