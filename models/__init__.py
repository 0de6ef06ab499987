"""The domain: data, networks, training, forecasts, jobs."""

import os

# TensorFlow reads these once, as it is first imported, whichever module does that.
# A small network trains fastest on one thread, which leaves the other cores to other trainings.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
