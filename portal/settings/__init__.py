"""Settings, one module a concern, all read from the environment."""

from .accounts import *  # noqa: F403
from .api import *  # noqa: F403
from .database import *  # noqa: F403
from .environment import *  # noqa: F403
from .feeds import *  # noqa: F403
from .files import *  # noqa: F403
from .language import *  # noqa: F403
from .logs import *  # noqa: F403
from .mail import *  # noqa: F403
from .product import *  # noqa: F403
from .queue import *  # noqa: F403
from .rows import *  # noqa: F403
from .security import *  # noqa: F403
from .web import *  # noqa: F403
