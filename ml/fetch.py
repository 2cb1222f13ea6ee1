"""Official weights: what there is, where it comes from, and a download that can be gone on with."""

import difflib
import hashlib
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ml.errors import DataError, ModelMissing

_CHUNK = 1 << 20
_TIMEOUT = 30  # seconds without a byte


@dataclass(frozen=True)
class Official:
    """A published weights file.

    `architecture` is timm's name, or of a keypoint network that of MMPose's own config. `sha256`
    is the hex digest of the published file, or the first digits of it where its publisher gives
    only these, in the file's name. `licence` is an SPDX identifier.
    """

    title: str
    url: str
    sha256: str
    architecture: str
    licence: str = "Apache-2.0"

    @property
    def file(self) -> str:
        """The published file's name."""
        return self.url.rsplit("/", 1)[1]


_TIMM = "https://github.com/rwightman/pytorch-image-models/releases/download"
_FACEBOOK = "https://dl.fbaipublicfiles.com"

OFFICIAL = {
    "vit_tiny": Official(
        "DeiT-tiny, ImageNet-1k, the architecture of vit_tiny_patch16_224",
        f"{_FACEBOOK}/deit/deit_tiny_patch16_224-a1311bcf.pth",
        "a1311bcf",
        "deit_tiny_patch16_224",
    ),
    "vit_small": Official(
        "DeiT-small, ImageNet-1k",
        f"{_FACEBOOK}/deit/deit_small_patch16_224-cd65a155.pth",
        "cd65a155",
        "deit_small_patch16_224",
    ),
    "dinov2_small": Official(
        "DINOv2 ViT-S/14, LVD-142M",
        f"{_FACEBOOK}/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth",
        "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9",
        "vit_small_patch14_dinov2",
    ),
    "efficientnet_lite0": Official(
        "EfficientNet-Lite0, ImageNet-1k",
        f"{_TIMM}/v0.1-weights/tf_efficientnet_lite0-0aa007d2.pth",
        "0aa007d2",
        "tf_efficientnet_lite0",
    ),
    "efficientnet_lite1": Official(
        "EfficientNet-Lite1, ImageNet-1k",
        f"{_TIMM}/v0.1-weights/tf_efficientnet_lite1-bde8b488.pth",
        "bde8b488",
        "tf_efficientnet_lite1",
    ),
    "efficientnet_lite2": Official(
        "EfficientNet-Lite2, ImageNet-1k",
        f"{_TIMM}/v0.1-weights/tf_efficientnet_lite2-dcccb7df.pth",
        "dcccb7df",
        "tf_efficientnet_lite2",
    ),
    "coatnet": Official(
        "CoAtNet-0 (rw), ImageNet-1k",
        f"{_TIMM}/v0.1-weights-maxx/coatnet_0_rw_224_sw-a6439706.pth",
        "a6439706",
        "coatnet_0_rw_224",
    ),
    "hrnet_w32_ap10k": Official(
        "HRNet-W32, keypoints of AP-10K, for MMPose's own configuration",
        "https://download.openmmlab.com/mmpose/animal/hrnet/"
        "hrnet_w32_ap10k_256x256-18aac840_20211029.pth",
        "18aac840",
        "td-hm_hrnet-w32_8xb64-210e_ap10k-256x256",
    ),
}


def official(name: str) -> Official:
    """The entry of that name; raises ModelMissing naming the nearest ones."""
    if name not in OFFICIAL:
        near = difflib.get_close_matches(name, OFFICIAL, n=3, cutoff=0.3) or sorted(OFFICIAL)
        raise ModelMissing(f"There are no official weights named '{name}'. Nearest: {near}.")
    return OFFICIAL[name]


def fetch(entry: Official, folder: Path) -> Path:
    """Bring an official file into `folder`, check it, and give the path of what training loads.

    A timm file becomes float32 safetensors under timm's own names, `<architecture>.safetensors`; a
    checkpoint of MMPose float16 ones that describe their network, as those of a run of our own:
    `python -m ml evaluate keypoints --weights` and `release --pose` take them. What is there
    already is not fetched again, and a download that was cut off goes on where it stopped (RFC
    9110, range requests). Raises DataError: code `offline` where the server cannot be reached,
    `bad_checksum` where the file is another.
    """
    ready = folder / f"{entry.architecture}.safetensors"
    if ready.is_file():
        return ready
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{entry.file}.part"
    _download(entry, part)
    found = _sha256(part)
    if not found.startswith(entry.sha256):
        part.unlink()
        raise DataError(
            f"{entry.file} is not the file that was published. It was removed; fetch it again, "
            "and if that fails too, do not use this network.",
            f"sha256 {found}, expected {entry.sha256}",
            code="bad_checksum",
        )
    if entry.architecture.startswith("td-hm_"):
        _convert_pose(part, entry.architecture, ready)
    else:
        _convert(part, entry.architecture, ready)
    part.unlink(missing_ok=True)
    return ready


def _download(entry: Official, part: Path) -> None:
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(entry.url, headers={"Range": f"bytes={have}-"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
            resumed = answer.status == 206
            length = int(answer.headers.get("Content-Length") or 0)
            have = have if resumed else 0
            with (
                part.open("ab" if resumed else "wb") as file,
                tqdm(
                    total=have + length, initial=have, desc=entry.file, unit="B", unit_scale=True
                ) as bar,
            ):
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
        if length and part.stat().st_size < have + length:
            raise ConnectionError("the connection ended early")
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is missing: only the check was not reached
            return
        raise _unreachable(entry, f"HTTP {error.code}") from error
    except (OSError, ConnectionError) as error:
        raise _unreachable(entry, str(error)) from error


def _unreachable(entry: Official, detail: str) -> DataError:
    return DataError(
        f"{entry.file} could not be fetched whole. Check the network and run the same command "
        "again: it goes on where it stopped. The starter weights need no network.",
        f"{entry.url}: {detail}",
        code="offline",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _convert(checkpoint: Path, architecture: str, ready: Path) -> None:
    """A published checkpoint to safetensors under timm's names, through timm's own conversion."""
    import torch
    from safetensors.torch import save_file

    from ml.compat import prepare_torchvision

    prepare_torchvision()
    import timm
    from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn

    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state = state.get("model", state)
    has_classifier = any(key.startswith(("head.", "classifier.")) for key in state)
    module = timm.create_model(architecture)
    if not has_classifier:
        module.reset_classifier(0)  # type: ignore[operator]
    if isinstance(module, VisionTransformer):
        state = checkpoint_filter_fn(state, module)
    module.load_state_dict(state)
    fresh = ready.with_suffix(".tmp")
    save_file({key: value.contiguous() for key, value in module.state_dict().items()}, fresh)
    fresh.replace(ready)


def _convert_pose(checkpoint: Path, config: str, ready: Path) -> None:
    """A checkpoint of one of MMPose's configs for AP-10K to weights that say how to run them."""
    from ml.networks.backbone import save_weights
    from ml.networks.pose import build_network, mmpose_network

    network = mmpose_network(config)
    whole = checkpoint.rename(checkpoint.with_suffix(""))  # by its name it is read
    module = build_network(network, whole)
    fresh = ready.with_suffix(".tmp")
    save_weights(
        module,
        fresh,
        architecture=config,
        size=network.size,
        options=dict(network.options),
        mean=network.mean,
        std=network.std,
    )
    fresh.replace(ready)
    whole.unlink()
