//! The model as the paper writes it, in 64-bit floats, position by position.

use std::collections::HashMap;

use crate::{Dtype, Inputs, Model, Shape};

/// Numbers between -1 and 1 that look random.
fn numbers(seed: u64) -> impl Iterator<Item = f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some((state >> 40) as f32 / (1 << 23) as f32 - 1.0)
    })
}

pub(super) struct Weights {
    pub(super) shape: Shape,
    pub(super) tensors: HashMap<String, Vec<f32>>,
    pub(super) window: usize,
}

impl Weights {
    pub(super) fn new(shape: Shape, window: usize) -> Self {
        let Shape { vocab_size, n_layer, d_model, d_inner, .. } = shape;
        let width = shape.heads_width();
        let mut tensors = HashMap::new();
        let mut draw = numbers(7);
        let mut add = |name: String, count: usize, scale: f32, offset: f32| {
            tensors.insert(name, draw.by_ref().take(count).map(|number| number * scale + offset).collect());
        };
        add("embedding.weight".into(), vocab_size * d_model, 0.3, 0.0);
        add("output_bias".into(), vocab_size, 0.5, 0.0);
        for layer in 0..n_layer {
            let mut add =
                |name: &str, count, scale, offset| add(format!("layers.{layer}.{name}"), count, scale, offset);
            add("attention.qkv_net.weight", 3 * width * d_model, 0.5, 0.0);
            add("attention.r_net.weight", width * d_model, 0.5, 0.0);
            add("attention.o_net.weight", width * d_model, 0.3, 0.0);
            add("attention.r_w_bias", width, 0.5, 0.0);
            add("attention.r_r_bias", width, 0.5, 0.0);
            add("attention_norm.weight", d_model, 0.2, 1.0);
            add("attention_norm.bias", d_model, 0.2, 0.0);
            add("inner.weight", d_inner * d_model, 0.4, 0.0);
            add("inner.bias", d_inner, 0.3, 0.0);
            add("outer.weight", d_inner * d_model, 0.3, 0.0);
            add("outer.bias", d_model, 0.3, 0.0);
            add("feed_forward_norm.weight", d_model, 0.2, 1.0);
            add("feed_forward_norm.bias", d_model, 0.2, 0.0);
        }
        add("final_norm.weight".into(), d_model, 0.2, 1.0);
        add("final_norm.bias".into(), d_model, 0.2, 0.0);
        add("score_state.weight".into(), shape.state_rows * d_model, 0.3, 0.0);
        add("recall.weight".into(), shape.recall_rows * d_model, 0.5, 0.0);
        Self { shape, tensors, window }
    }

    pub(super) fn model(&self, dtype: Dtype) -> Model {
        Model::new(self.shape, dtype, |name| self.tensors.get(name).map(Vec::as_slice)).expect("the weights fit")
    }

    fn get(&self, name: &str) -> Vec<f64> {
        self.tensors[name].iter().map(|&number| f64::from(number)).collect()
    }

    /// Logits after each token.
    pub(super) fn logits(&self, tokens: &[u32]) -> Vec<f64> {
        self.logits_beside(tokens.into())
    }

    /// Logits after each token.
    pub(super) fn logits_beside(&self, inputs: Inputs<'_>) -> Vec<f64> {
        let Inputs { tokens, states, recalled } = inputs;
        let Shape { n_layer, d_model, pre_norm, .. } = self.shape;
        let embedding = self.get("embedding.weight");
        let mut memory = vec![Vec::new(); n_layer];
        let mut logits = Vec::new();
        let [all_states, all_recalled] = [states.len(), recalled.len()].map(|all| all / tokens.len());
        for (place, &token) in tokens.iter().enumerate() {
            let mut row = embedding[token as usize * d_model..][..d_model].to_vec();
            for &state in &states[place * all_states..][..all_states] {
                row = plus(&row, &self.get("score_state.weight")[state as usize * d_model..][..d_model]);
            }
            for &[token, weights] in &recalled[place * all_recalled..][..all_recalled] {
                let weights = self.get("recall.weight")[weights as usize * d_model..][..d_model].to_vec();
                let other = embedding[token as usize * d_model..][..d_model].iter();
                let weighed: Vec<f64> = other.zip(weights).map(|(number, weight)| number * weight).collect();
                row = plus(&row, &weighed);
            }
            let mut hidden: Vec<f64> = row.iter().map(|number| number * (d_model as f64).sqrt()).collect();
            for (layer, memory) in memory.iter_mut().enumerate() {
                hidden = self.layer(layer, &hidden, memory);
            }
            if pre_norm {
                hidden = self.norm("final_norm", &hidden);
            }
            let scores = times(&embedding, &hidden);
            logits.extend(scores.iter().zip(self.get("output_bias")).map(|(score, bias)| score + bias));
        }
        logits
    }

    fn norm(&self, name: &str, hidden: &[f64]) -> Vec<f64> {
        let count = hidden.len() as f64;
        let mean = hidden.iter().sum::<f64>() / count;
        let variance = hidden.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / count;
        let (weight, bias) = (self.get(&format!("{name}.weight")), self.get(&format!("{name}.bias")));
        let normal = hidden.iter().map(|number| (number - mean) / (variance + 1e-5).sqrt());
        normal.zip(weight).zip(bias).map(|((number, weight), bias)| number * weight + bias).collect()
    }

    /// `memory` holds the inputs of the attention at every position before.
    fn layer(&self, layer: usize, hidden: &[f64], memory: &mut Vec<Vec<f64>>) -> Vec<f64> {
        let name = |part: &str| format!("layers.{layer}.{part}");
        let pre_norm = self.shape.pre_norm;
        let input = if pre_norm { self.norm(&name("attention_norm"), hidden) } else { hidden.to_vec() };
        memory.push(input.clone());
        let read = self.attend(layer, &input, memory);
        let hidden = plus(hidden, &times(&self.get(&name("attention.o_net.weight")), &read));
        let hidden = if pre_norm { hidden } else { self.norm(&name("attention_norm"), &hidden) };
        let input = if pre_norm { self.norm(&name("feed_forward_norm"), &hidden) } else { hidden.clone() };
        let inner = plus(&times(&self.get(&name("inner.weight")), &input), &self.get(&name("inner.bias")));
        let inner: Vec<f64> = inner.into_iter().map(|number| number.max(0.0)).collect();
        let outer = plus(&times(&self.get(&name("outer.weight")), &inner), &self.get(&name("outer.bias")));
        let hidden = plus(&hidden, &outer);
        if pre_norm { hidden } else { self.norm(&name("feed_forward_norm"), &hidden) }
    }

    fn attend(&self, layer: usize, input: &[f64], memory: &[Vec<f64>]) -> Vec<f64> {
        let Shape { n_head, d_head, d_model, .. } = self.shape;
        let width = self.shape.heads_width();
        let all = self.get(&format!("layers.{layer}.attention.qkv_net.weight"));
        let part = |part: usize, input: &[f64]| times(&all[part * width * d_model..][..width * d_model], input);
        let query = part(0, input);
        let content = plus(&query, &self.get(&format!("layers.{layer}.attention.r_w_bias")));
        let position = plus(&query, &self.get(&format!("layers.{layer}.attention.r_r_bias")));
        let seen = &memory[memory.len().saturating_sub(self.window)..];
        let keys: Vec<_> = seen.iter().map(|input| part(1, input)).collect();
        let values: Vec<_> = seen.iter().map(|input| part(2, input)).collect();
        let project = self.get(&format!("layers.{layer}.attention.r_net.weight"));
        let distances: Vec<_> = (0..seen.len()).rev().map(|age| times(&project, &self.sinusoids(age))).collect();
        let mut read = Vec::new();
        for head in 0..n_head {
            let of = |vector: &[f64]| vector[head * d_head..][..d_head].to_vec();
            let scores: Vec<f64> = (0..seen.len())
                .map(|place| {
                    let score = dot(&of(&content), &of(&keys[place])) + dot(&of(&position), &of(&distances[place]));
                    (score / (d_head as f64).sqrt()).exp()
                })
                .collect();
            let total: f64 = scores.iter().sum();
            for number in 0..d_head {
                read.push(scores.iter().zip(&values).map(|(s, v)| s * v[head * d_head + number]).sum::<f64>() / total);
            }
        }
        read
    }

    fn sinusoids(&self, distance: usize) -> Vec<f64> {
        let Shape { d_model, clamp_len, .. } = self.shape;
        let distance = if clamp_len > 0 { distance.min(clamp_len) } else { distance };
        let angle = |index: usize| distance as f64 / 10_000_f64.powf(index as f64 / d_model as f64);
        let angles = || (0..d_model).step_by(2).map(angle);
        angles().map(f64::sin).chain(angles().map(f64::cos)).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn plus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn times(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(vector.len()).map(|row| dot(row, vector)).collect()
}
