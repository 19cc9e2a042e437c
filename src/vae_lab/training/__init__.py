"""The life of one run (`conf/trainer`): build, fit, resume, test."""
