"""A step of training, and the original's.

`original_step` restates the step of LakhNES (Donahue et al. 2019; Dai et al. 2019, appendix B): time first, memory and
segment joined and projected whole, scores by einsum, the shift by padding, dropout 0.1, Adam, clipping. 6 layers
of 256, 16 streams of 128 tokens, memory 128.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.transformer_xl import TransformerXL, distance_table
from lakhnes.training.segment_loss import SegmentLoss

LAYERS, WIDTH, HEADS, INNER, WORDS = 6, 256, 4, 1024, 631
STREAMS, ROWS, MEMORY = 16, 128, 128
CLIP = 0.25


class OriginalLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.distance = nn.Linear(WIDTH, WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.content_bias = nn.Parameter(torch.zeros(HEADS, WIDTH // HEADS))
        self.position_bias = nn.Parameter(torch.zeros(HEADS, WIDTH // HEADS))
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)])
        self.inner, self.outer = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x, memory, table, mask):  # time first: (T, B, D), (M, B, D), (K, 1, D), (T, K)
        rows, batch = x.shape[:2]
        q, k, v = self.qkv(torch.cat([memory, x])).chunk(3, -1)
        shape = (-1, batch, HEADS, WIDTH // HEADS)
        q, k, v = q[-rows:].reshape(shape), k.reshape(shape), v.reshape(shape)
        r = self.distance(table).view(-1, HEADS, WIDTH // HEADS)
        content = torch.einsum("ibnd,jbnd->ijbn", q + self.content_bias, k)
        position = torch.einsum("ibnd,jnd->ijbn", q + self.position_bias, r)
        pad = position.new_zeros(rows, 1, batch, HEADS)
        padded = torch.cat([pad, position], 1).view(position.shape[1] + 1, rows, batch, HEADS)
        scores = (content + padded[1:].view_as(position)) * (1 / math.sqrt(WIDTH // HEADS))
        scores = scores.float().masked_fill(mask[:, :, None, None], -float("inf"))
        read = torch.einsum("ijbn,jbnd->ibnd", torch.softmax(scores, 1), v).reshape(rows, batch, WIDTH)
        x = self.norms[0](x + self.dropout(self.out(read)))
        hidden = self.dropout(functional.relu(self.inner(x)))
        return self.norms[1](x + self.dropout(self.outer(hidden)))


class Original(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.bias = nn.Parameter(torch.zeros(WORDS))
        self.layers = nn.ModuleList(OriginalLayer() for _ in range(LAYERS))
        self.dropout = nn.Dropout(0.1)

    def forward(self, tokens, targets, memories):
        rows, keys = len(tokens), len(tokens) + len(memories[0])
        x = self.dropout(self.embedding(tokens) * math.sqrt(WIDTH))
        table = self.dropout(distance_table(torch.arange(keys - 1, -1, -1), WIDTH)[:, None])
        mask = torch.ones(rows, keys, dtype=torch.bool).triu(keys - rows + 1)
        states = [x]
        for layer, memory in zip(self.layers, memories, strict=True):
            x = layer(x, memory, table, mask)
            states.append(x)
        logits = functional.linear(self.dropout(x), self.embedding.weight, self.bias)
        losses = -functional.log_softmax(logits, -1).gather(-1, targets[..., None])
        pairs = zip(memories, states[:-1], strict=True)
        kept = [torch.cat([memory, state.detach()])[-MEMORY:] for memory, state in pairs]
        return losses.mean(), kept


def original_step(model, optimizer):
    memories = [torch.zeros(MEMORY, STREAMS, WIDTH) for _ in range(LAYERS)]

    def step(inputs, targets):
        nonlocal memories
        optimizer.zero_grad()
        loss, memories = model(inputs.T, targets.T, memories)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        return loss.item()

    return step


def our_model(dropout):
    shape = TransformerXLConfig(
        n_layer=LAYERS, n_head=HEADS, d_model=WIDTH, d_head=WIDTH // HEADS, d_inner=INNER, dropout=dropout
    )
    return TransformerXL(shape).train()


def our_step(model, optimizer, dtype):
    module = SegmentLoss(model, dtype)
    memory = torch.zeros(LAYERS + 1, STREAMS, MEMORY, WIDTH)

    def step(inputs, targets):
        nonlocal memory
        loss, memory = module(inputs, targets, memory, MEMORY)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step
