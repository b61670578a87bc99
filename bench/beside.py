"""What looks at something again and again while the work goes on: a thread until the `with` ends."""

import threading
import time
from typing import ClassVar, Self


class Beside:
    """Looks every so many seconds, the first time at once. A look that fails is the last one, and is told: it must not
    pass for one that found nothing."""

    every_s: ClassVar[float]
    raises: ClassVar[bool] = True  # at the end, what made a look fail; else whoever started it looks at `failed`
    failed: BaseException | None = None
    _over: threading.Event
    _thread: threading.Thread

    def look(self) -> object:
        raise NotImplementedError

    def end(self) -> None:
        """What is left to do when nobody looks any more."""

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.end()
        if self.failed is not None and self.raises and kind is None:
            raise RuntimeError(f"{type(self).__name__} could not look") from self.failed

    def _work(self) -> None:
        try:
            due = time.monotonic()
            while not self._over.wait(max(0.0, due - time.monotonic())):
                due = time.monotonic() + self.every_s
                self.look()
        except BaseException as error:
            self.failed = error
