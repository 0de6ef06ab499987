"""Train the pretrained network on simulated factories and write its files.

python -m models.pretraining --steps 8000 --seed 1 --output models/forecast
python -m models.pretraining --minutes 10 --output pretrained
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tensorflow as tf

from models.pretraining.train import PretrainingPlan, train


def main(arguments: list[str] | None = None) -> None:
    """Train as the arguments say; print the validation loss as it falls."""
    parser = argparse.ArgumentParser(
        prog="python -m models.pretraining",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int, help="batches to train on")
    length.add_argument("--minutes", type=float, help="wall-clock time to train for")
    parser.add_argument("--seed", type=int, default=1, help="of weights and data (1)")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--start", type=Path, help="Keras file to train further")
    parser.add_argument(
        "--rate", type=float, default=PretrainingPlan.rate, help="highest learning rate"
    )
    given = parser.parse_args(arguments)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    given.output.mkdir(parents=True, exist_ok=True)
    plan = PretrainingPlan(
        seed=given.seed, steps=given.steps, minutes=given.minutes, rate=given.rate
    )
    train(plan, given.output, lambda line: print(line, flush=True), given.start)


if __name__ == "__main__":
    main()
