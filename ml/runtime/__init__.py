"""One call per network, torch on a GPU or OpenVINO on a CPU."""

from ml.runtime.network import Network, compile_network, cores, pick_device

__all__ = ["Network", "compile_network", "cores", "pick_device"]
