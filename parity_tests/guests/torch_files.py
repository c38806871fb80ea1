"""Runs in the torch worker: writes files of torch's own formats, for tests that convert them."""

import torch


class Gate(torch.nn.Module):
    """A branch that depends on the data, which tracing would lose; `times` has a default."""

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(6, 3)

    def forward(self, x, shift):
        y = self.inner(x) + shift
        y = torch.tanh(y) * 2 if bool(x.sum() > 0) else y - 1
        return y, x.mean(dim=1)


def network():
    """A small convolutional network, its weights drawn by seed; and an example of what it takes."""
    torch.manual_seed(0)
    layers = (
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
        torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(8 * 4 * 4, 5),
    )  # fmt: skip
    return torch.nn.Sequential(*layers).eval(), (torch.randn(2, 3, 8, 8),)


def empty():
    """The network without what it has learned: zeros."""
    module, examples = network()
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.zero_()
    return module, examples


def script_gate(path):
    torch.manual_seed(0)
    torch.jit.script(Gate().eval()).save(path)
    return {}


def trace_network(path):
    module, examples = network()
    torch.jit.trace(module, examples).save(path)
    return {}


def save_weights(path, nested=False, drop=None, pickled=False):
    """The network's state_dict: as safetensors where the ending says so; within a checkpoint if
    `nested`; without the entry `drop`; or, `pickled`, beside an object of a class of its own."""
    state = network()[0].state_dict()
    if drop is not None:
        del state[drop]
    if path.endswith(".safetensors"):
        from safetensors.torch import save_file

        save_file(state, path)
    else:
        checkpoint = {"epoch": 3, "model_state": state} if nested else state
        torch.save({"a": Gate(), **checkpoint} if pickled else checkpoint, path)
    return {}


OPERATIONS = {
    "script_gate": script_gate,
    "trace_network": trace_network,
    "save_weights": save_weights,
}
