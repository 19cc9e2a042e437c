"""Pairs of encoder and decoder, one family per file (`conf/model`)."""

from vae_lab.networks.conv import ConvDecoder, ConvEncoder
from vae_lab.networks.mlp import LinearDecoder, LinearEncoder, TanhDecoder, TanhEncoder
from vae_lab.networks.resnet import ResNetDecoder, ResNetEncoder

__all__ = [
    "ConvDecoder",
    "ConvEncoder",
    "LinearDecoder",
    "LinearEncoder",
    "ResNetDecoder",
    "ResNetEncoder",
    "TanhDecoder",
    "TanhEncoder",
]
