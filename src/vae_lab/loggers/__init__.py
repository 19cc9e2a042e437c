"""Where scalars and pictures go (`conf/logger`): TensorBoard, CSV, MLflow, Weights & Biases."""
