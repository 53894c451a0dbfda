//! The stored forms: documents as JSON, columns of numbers as little-endian binary, each with a CRC-32 behind it that is
//! checked on reading. A form that changes gets a new schema version.
//!
//! It knows no files and no SQL: bytes in, bytes out.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StoreError, StoredCheckpoint};
use crate::descent::{Column, Dataset};
use crate::fit::{HistoryBlock, Label, PredictionBand, Predictor};

const CRC_BYTES: usize = 4;

/// A document with its checksum.
pub(super) fn document<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map(seal).map_err(|source| StoreError::Decode { what, source })
}

/// The document in `bytes`, if they are as they were written.
pub(super) fn read_document<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(unseal(what, bytes)?).map_err(|source| StoreError::Decode { what, source })
}

/// The stored form of history points.
pub(super) fn history(block: &HistoryBlock) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + block.len() * 8 * (3 + block.coefficients.len()));
    put_count(&mut out, block.len());
    put_count(&mut out, block.coefficients.len());
    out.extend(block.stride.to_le_bytes());
    put_integers(&mut out, &block.iterations);
    put_floats(&mut out, &block.loss);
    put_floats(&mut out, &block.gradient_norm);
    block.coefficients.iter().for_each(|column| put_floats(&mut out, column));
    seal(out)
}

/// The history points in `bytes`.
pub(super) fn read_history(bytes: &[u8]) -> Result<HistoryBlock, StoreError> {
    let mut input = Cursor::open("history block", bytes)?;
    let (points, columns, stride) = (input.count()?, input.count()?, input.integer()?);
    let block = HistoryBlock {
        stride,
        iterations: input.integers(points)?,
        loss: input.floats(points)?,
        gradient_norm: input.floats(points)?,
        coefficients: (0..columns).map(|_| input.floats(points)).collect::<Result<_, _>>()?,
    };
    input.end(block)
}

/// The stored form of a checkpoint.
pub(super) fn checkpoint(checkpoint: &StoredCheckpoint) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(checkpoint.numerics_version.to_le_bytes());
    out.extend(checkpoint.iteration.to_le_bytes());
    out.extend(checkpoint.elapsed_seconds.to_le_bytes());
    put_vectors(&mut out, &checkpoint.floats, put_floats);
    put_vectors(&mut out, &checkpoint.integers, put_integers);
    seal(out)
}

/// The checkpoint in `bytes`.
pub(super) fn read_checkpoint(bytes: &[u8]) -> Result<StoredCheckpoint, StoreError> {
    let mut input = Cursor::open("checkpoint", bytes)?;
    let checkpoint = StoredCheckpoint {
        numerics_version: input.integer()?,
        iteration: input.integer()?,
        elapsed_seconds: f64::from_bits(input.integer()?),
        floats: input.vectors(Cursor::floats)?,
        integers: input.vectors(Cursor::integers)?,
    };
    input.end(checkpoint)
}

/// The stored form of a predictor: binary, because a wide model's factor has millions of numbers.
pub(super) fn predictor(predictor: &Predictor) -> Vec<u8> {
    let mut out = Vec::new();
    put_vectors(&mut out, &predictor.basis, put_floats);
    put_count(&mut out, predictor.coefficients.len());
    put_floats(&mut out, &predictor.coefficients);
    put_count(&mut out, predictor.levels.len());
    for (name, levels) in &predictor.levels {
        put_text(&mut out, name);
        put_count(&mut out, levels.len());
        levels.iter().for_each(|level| put_text(&mut out, level));
    }
    put_count(&mut out, predictor.classes.len());
    for label in &predictor.classes {
        match label {
            Label::Number(number) => {
                put_count(&mut out, 0);
                put_floats(&mut out, &[*number]);
            }
            Label::Text(text) => {
                put_count(&mut out, 1);
                put_text(&mut out, text);
            }
        }
    }
    put_count(&mut out, usize::from(predictor.band.is_some()));
    if let Some(band) = &predictor.band {
        put_count(&mut out, band.factor.len());
        put_floats(&mut out, &band.factor);
        put_floats(&mut out, &[band.residual_standard_deviation, band.degrees_of_freedom]);
    }
    seal(out)
}

/// The predictor in `bytes`.
pub(super) fn read_predictor(bytes: &[u8]) -> Result<Predictor, StoreError> {
    let mut input = Cursor::open("predictor", bytes)?;
    let basis = input.vectors(Cursor::floats)?;
    let count = input.count()?;
    let coefficients = input.floats(count)?;
    let levels = (0..input.count()?)
        .map(|_| {
            let name = input.text()?;
            let levels = (0..input.count()?).map(|_| input.text()).collect::<Result<_, _>>()?;
            Ok((name, levels))
        })
        .collect::<Result<_, StoreError>>()?;
    let classes = (0..input.count()?)
        .map(|_| match input.count()? {
            0 => Ok(Label::Number(f64::from_bits(input.integer()?))),
            _ => Ok(Label::Text(input.text()?)),
        })
        .collect::<Result<_, StoreError>>()?;
    let band = match input.count()? {
        0 => None,
        _ => {
            let count = input.count()?;
            Some(PredictionBand {
                factor: input.floats(count)?,
                residual_standard_deviation: f64::from_bits(input.integer()?),
                degrees_of_freedom: f64::from_bits(input.integer()?),
            })
        }
    };
    input.end(Predictor { basis, coefficients, levels, classes, band })
}

/// How long the stored form of a dataset is.
pub(super) fn dataset_bytes(data: &Dataset) -> usize {
    let names: usize = data.names().iter().map(|name| 16 + name.len()).sum();
    let levels: usize =
        data.levels().iter().flatten().flat_map(|levels| levels.iter()).map(|level| 8 + level.len()).sum();
    24 + names + levels + data.columns().len() * data.rows() * 8 + CRC_BYTES
}

/// Writes a dataset, in pieces: it may be as large as memory allows.
pub(super) fn write_dataset(out: impl Write, data: &Dataset) -> io::Result<()> {
    let mut out = Sealing { out, crc: crc32fast::Hasher::new() };
    let mut head = Vec::new();
    put_count(&mut head, data.rows());
    put_count(&mut head, data.columns().len());
    head.extend(data.rows_dropped().to_le_bytes());
    for (name, levels) in data.names().iter().zip(data.levels()) {
        put_text(&mut head, name);
        let levels = levels.as_deref().unwrap_or_default();
        put_count(&mut head, levels.len());
        levels.iter().for_each(|level| put_text(&mut head, level));
    }
    out.write_all(&head)?;
    let mut piece = Vec::with_capacity(PIECE_VALUES * 8);
    for values in data.columns().iter().flat_map(|column| column.chunks(PIECE_VALUES)) {
        piece.clear();
        put_floats(&mut piece, values);
        out.write_all(&piece)?;
    }
    let crc = out.crc.finalize();
    out.out.write_all(&crc.to_le_bytes())?;
    out.out.flush()
}

/// Reads a dataset whose stored form is `bytes` long, in pieces. Nothing is allocated that the length does not cover.
pub(super) fn read_dataset(input: impl Read, bytes: u64) -> Result<Dataset, StoreError> {
    let mut input = Unsealing { input, crc: crc32fast::Hasher::new(), left: bytes };
    let (rows, columns) = (input.count()?, input.count()?);
    let rows_dropped = input.count()? as u64;
    let mut names = Vec::new();
    for _ in 0..columns {
        let name = input.text()?;
        let mut levels = Vec::new();
        for _ in 0..input.count()? {
            levels.push(input.text()?);
        }
        names.push((name, levels));
    }
    let values = rows.checked_mul(columns).and_then(|values| values.checked_mul(8)).ok_or(DATASET_DAMAGED)?;
    if values as u64 + CRC_BYTES as u64 != input.left {
        return Err(DATASET_DAMAGED);
    }
    let mut data = Vec::with_capacity(columns);
    for (name, levels) in names {
        let mut column = Vec::with_capacity(rows);
        while column.len() < rows {
            let piece = input.take((rows - column.len()).min(PIECE_VALUES) * 8)?;
            column.extend(piece.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)));
        }
        let column = if levels.is_empty() { Column::Numbers(column) } else { Column::Categories(levels, column) };
        data.push((name, column));
    }
    let crc = input.crc.clone().finalize();
    if input.take(CRC_BYTES)? != crc.to_le_bytes() {
        return Err(DATASET_DAMAGED);
    }
    let data = Dataset::of_columns(data).map_err(|_| DATASET_DAMAGED)?;
    Ok(data.with_rows_dropped(rows_dropped))
}

const PIECE_VALUES: usize = 8192;
const DATASET_DAMAGED: StoreError = StoreError::Corrupt { what: "dataset" };

struct Sealing<W> {
    out: W,
    crc: crc32fast::Hasher,
}

impl<W: Write> Sealing<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        self.out.write_all(bytes)
    }
}

struct Unsealing<R> {
    input: R,
    crc: crc32fast::Hasher,
    left: u64,
}

impl<R: Read> Unsealing<R> {
    fn take(&mut self, count: usize) -> Result<Vec<u8>, StoreError> {
        self.left = self.left.checked_sub(count as u64).ok_or(DATASET_DAMAGED)?;
        let mut bytes = vec![0; count];
        self.input.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => DATASET_DAMAGED,
            _ => error.into(),
        })?;
        self.crc.update(&bytes);
        Ok(bytes)
    }

    fn count(&mut self) -> Result<usize, StoreError> {
        let bytes = self.take(8)?.try_into().map_err(|_| DATASET_DAMAGED)?;
        usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| DATASET_DAMAGED)
    }

    fn text(&mut self) -> Result<String, StoreError> {
        let count = self.count()?;
        String::from_utf8(self.take(count)?).map_err(|_| DATASET_DAMAGED)
    }
}

fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&bytes);
    bytes.extend(crc.to_le_bytes());
    bytes
}

fn unseal<'b>(what: &'static str, bytes: &'b [u8]) -> Result<&'b [u8], StoreError> {
    match bytes.split_last_chunk::<CRC_BYTES>() {
        Some((content, crc)) if crc32fast::hash(content).to_le_bytes() == *crc => Ok(content),
        _ => Err(StoreError::Corrupt { what }),
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend((count as u64).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend(text.as_bytes());
}

fn put_integers(out: &mut Vec<u8>, values: &[u64]) {
    values.iter().for_each(|value| out.extend(value.to_le_bytes()));
}

fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    values.iter().for_each(|value| out.extend(value.to_le_bytes()));
}

fn put_vectors<T>(out: &mut Vec<u8>, vectors: &[(String, Vec<T>)], put: fn(&mut Vec<u8>, &[T])) {
    put_count(out, vectors.len());
    for (name, values) in vectors {
        put_text(out, name);
        put_count(out, values.len());
        put(out, values);
    }
}

/// Reads the content of sealed bytes from front to back.
struct Cursor<'b> {
    what: &'static str,
    rest: &'b [u8],
}

impl<'b> Cursor<'b> {
    fn open(what: &'static str, bytes: &'b [u8]) -> Result<Self, StoreError> {
        Ok(Self { what, rest: unseal(what, bytes)? })
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], StoreError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(StoreError::Corrupt { what: self.what })?;
        self.rest = rest;
        Ok(taken)
    }

    fn integers(&mut self, count: usize) -> Result<Vec<u64>, StoreError> {
        let bytes = self.take(count.checked_mul(8).ok_or(StoreError::Corrupt { what: self.what })?)?;
        Ok(bytes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect())
    }

    fn floats(&mut self, count: usize) -> Result<Vec<f64>, StoreError> {
        Ok(self.integers(count)?.into_iter().map(f64::from_bits).collect())
    }

    fn integer(&mut self) -> Result<u64, StoreError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(StoreError::Corrupt { what: self.what })?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    fn count(&mut self) -> Result<usize, StoreError> {
        usize::try_from(self.integer()?).map_err(|_| StoreError::Corrupt { what: self.what })
    }

    fn text(&mut self) -> Result<String, StoreError> {
        let length = self.count()?;
        let text = String::from_utf8(self.take(length)?.to_vec());
        text.map_err(|_| StoreError::Corrupt { what: self.what })
    }

    fn vectors<T>(
        &mut self,
        read: fn(&mut Self, usize) -> Result<Vec<T>, StoreError>,
    ) -> Result<Vec<(String, Vec<T>)>, StoreError> {
        let mut vectors = Vec::new();
        for _ in 0..self.count()? {
            let name = self.text()?;
            let count = self.count()?;
            vectors.push((name, read(self, count)?));
        }
        Ok(vectors)
    }

    fn end<T>(self, value: T) -> Result<T, StoreError> {
        if self.rest.is_empty() { Ok(value) } else { Err(StoreError::Corrupt { what: self.what }) }
    }
}

#[cfg(test)]
mod tests;
