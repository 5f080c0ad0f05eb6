"""MLflow runs this file ("models from code") when it loads a registered model as a python function.

It uses the installed spikebridge. `spikebridge.load` does the same without running this file.
"""

from pathlib import Path

from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from spikebridge.tracking.served_model import ServedModel


class Served(PythonModel):
    """counts (trial, bin, unit) -> label, probabilities, latents or target_rates (params: output, recording)."""

    _skip_type_hint_validation = True  # ServedModel checks the counts and gives clear messages

    def load_context(self, context):  # type: ignore[no-untyped-def]
        self.model = ServedModel(Path(context.artifacts["model"]))

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        options = params or {}
        return self.model.predict(model_input, options.get("output", "label"), options.get("recording", ""))


set_model(Served())
