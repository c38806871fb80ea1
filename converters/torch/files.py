"""What a file with a torch ending really is, found without importing torch or unpickling anything."""

import zipfile

#: What `kind` can answer.
PROGRAM = "torch.export program"
TORCHSCRIPT = "TorchScript archive"
PICKLE = "pickle"
SAFETENSORS = "safetensors"


def kind(path):
    # type: (Path) -> str
    """One of the above. Anything else that torch could read is a pickle at heart."""
    if str(path).endswith(".safetensors"):
        return SAFETENSORS
    if not zipfile.is_zipfile(str(path)):
        return PICKLE
    with zipfile.ZipFile(str(path)) as archive:
        names = archive.namelist()
    if any("/code/" in name for name in names) or any(
        name.endswith("constants.pkl") for name in names
    ):
        return TORCHSCRIPT
    if any("models/" in name or "serialized_exported_program" in name for name in names):
        return PROGRAM
    return PICKLE
