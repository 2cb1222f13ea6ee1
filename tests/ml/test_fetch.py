"""Official weights from a server on this machine, which can also cut off, lie and be away."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ml.__main__ import main
from ml.compat import prepare_torchvision
from ml.errors import DataError, ModelMissing
from ml.fetch import OFFICIAL, Official, fetch, official
from ml.skeleton import KEYPOINTS
from ml.training.release import network_of

prepare_torchvision()
import timm  # noqa: E402

ARCHITECTURE = "test_vit"


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `content`, whole or from a byte on; ends after `cut` bytes of an answer."""

    content = b""
    cut = 1 << 40
    asked: list[str]

    def do_GET(self) -> None:
        start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        type(self).asked.append(self.headers["Range"])
        if start >= len(self.content):
            self.send_error(416)
            return
        rest = self.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.cut])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[type[Server]]:
    """A server of a checkpoint of timm's test network."""
    torch.manual_seed(0)
    torch.save({"model": timm.create_model(ARCHITECTURE).state_dict()}, tmp_path / "net.pth")

    class Own(Server):
        content = (tmp_path / "net.pth").read_bytes()
        asked = []

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    Own.port = running.server_address[1]  # type: ignore[attr-defined]
    yield Own
    running.shutdown()
    running.server_close()


def entry(server: type[Server], sha256: str = "", architecture: str = ARCHITECTURE) -> Official:
    digest = hashlib.sha256(server.content).hexdigest()
    url = f"http://127.0.0.1:{server.port}/net.pth"  # type: ignore[attr-defined]
    return Official("a test", url, sha256 or digest, architecture)


def test_a_file_becomes_safetensors_under_its_own_names(
    server: type[Server], tmp_path: Path
) -> None:
    path = fetch(entry(server), tmp_path / "weights")
    torch.manual_seed(0)
    wanted = timm.create_model(ARCHITECTURE).state_dict()
    found = load_file(path)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)
    assert [file.name for file in (tmp_path / "weights").iterdir()] == ["test_vit.safetensors"]


def test_what_is_there_is_not_fetched_again(server: type[Server], tmp_path: Path) -> None:
    first = fetch(entry(server), tmp_path / "weights")
    assert fetch(entry(server), tmp_path / "weights") == first
    assert server.asked == ["bytes=0-"]


def test_a_cut_off_download_goes_on(server: type[Server], tmp_path: Path) -> None:
    server.cut = 1000
    with pytest.raises(DataError, match="goes on where it stopped") as caught:
        fetch(entry(server), tmp_path / "weights")
    assert caught.value.code == "offline"
    server.cut = 1 << 40
    fetch(entry(server), tmp_path / "weights")
    assert server.asked == ["bytes=0-", "bytes=1000-"]


def test_a_whole_part_is_only_checked(server: type[Server], tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "net.pth.part").write_bytes(server.content)
    assert fetch(entry(server), folder).is_file()


def test_another_file_is_refused_and_removed(server: type[Server], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not the file that was published") as caught:
        fetch(entry(server, sha256="00000000"), tmp_path / "weights")
    assert caught.value.code == "bad_checksum"
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_checkpoint_of_mmpose_says_how_it_is_run(server: type[Server], tmp_path: Path) -> None:
    from ml.networks.pose import build_network, mmpose_network

    # A small network of the same kind: the official one for AP-10K has 28 million parameters.
    config = "td-hm_shufflenetv2_8xb64-210e_coco-256x192"
    module = build_network(mmpose_network(config), None)
    torch.save({"state_dict": module.state_dict()}, tmp_path / "pose.pth")
    server.content = (tmp_path / "pose.pth").read_bytes()
    path = fetch(entry(server, architecture=config), tmp_path / "weights")
    assert [file.name for file in path.parent.iterdir()] == [f"{config}.safetensors"]
    network = network_of(path)
    assert (network.size, network.options["points"]) == ((256, 192), list(KEYPOINTS[:17]))
    kept = build_network(network, path).state_dict()
    for name, value in module.state_dict().items():
        torch.testing.assert_close(kept[name], value, atol=1e-3, rtol=1e-3)


def test_the_official_config_for_ap10k_is_one_of_mmposes() -> None:
    from ml.networks.pose import mmpose_network

    network = mmpose_network(official("hrnet_w32_ap10k").architecture)
    assert network.size == (256, 256)


def test_offline_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = Official("a test", "http://127.0.0.1:9/net.pth", "00", ARCHITECTURE)
    monkeypatch.setitem(OFFICIAL, "away", away)
    assert main(["fetch", "away", "--to", str(tmp_path)]) == 1
    assert "Check the network" in capsys.readouterr().err


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(ModelMissing, match="dinov2_small"):
        official("dinov2_smal")


TIMMS = [n for n, entry in OFFICIAL.items() if not entry.architecture.startswith("td-hm_")]


@pytest.mark.parametrize("name", TIMMS)
def test_architectures_are_timms(name: str) -> None:
    assert official(name).architecture in timm.list_models()
