"""Several pictures of one request: a line of the answer for each, whatever becomes of it."""

import asyncio
import logging
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from pydantic import BaseModel

from service.answers import EncodedPicture
from service.desk import OrderDesk
from service.errors import BodyTooLarge, InternalError, ProblemError, QueueFull, RateLimited
from service.form import FormFile
from service.pipeline import Order, Result
from service.problems import Problem, problem_details
from service.translator import Translator

logger = logging.getLogger(__name__)


class TranslatedLine(BaseModel):
    """A picture that was translated."""

    index: int
    """Its place among the files of the request, from 0."""
    filename: str | None = None
    status: Literal[200] = 200
    content_type: str
    width: int
    height: int
    b64_json: str


class RefusedLine(BaseModel):
    """A picture that was not."""

    index: int
    """Its place among the files of the request, from 0."""
    filename: str | None = None
    status: int
    problem: Problem


@dataclass(frozen=True)
class Batch:
    """What is to be done with the pictures of a request."""

    desk: OrderDesk
    translator: Translator
    order: Order

    async def line(self, index: int, file: FormFile) -> TranslatedLine | RefusedLine:
        """Translate one of them; never raises, for the others are to be translated too."""
        filename = file.name or None
        try:
            if len(file.data) > self.desk.limits.max_bytes:
                raise BodyTooLarge(self.desk.limits.max_bytes)
            result = await self._when_there_is_room(file.data)
        except ProblemError as error:
            problem = self._problem(error)
        except Exception:
            logger.exception("request %s failed", self.desk.record.request_id)
            problem = self._problem(InternalError())
        else:
            picture = EncodedPicture.of(result, self.order)
            return TranslatedLine(index=index, filename=filename, **picture.model_dump())
        return RefusedLine(index=index, filename=filename, status=problem.status, problem=problem)

    async def _when_there_is_room(self, data: bytes) -> Result:
        # The whole batch has been sent and accepted: nobody wants to send a part of it again
        # because others were quicker, or because it is more than the caller's rate. So it waits.
        until = monotonic() + self.desk.settings.deadline_seconds
        while True:
            # Who leaves ends the whole batch; a single picture knows of no departure.
            departure = asyncio.get_running_loop().create_future()
            try:
                return await self.desk.translate_until(departure, data, self.translator, self.order)
            except (QueueFull, RateLimited) as error:
                pause = error.retry_after_seconds or 1
                if monotonic() + pause > until:
                    raise
                await asyncio.sleep(pause)

    def _problem(self, error: ProblemError) -> Problem:
        record = self.desk.record
        record.refused.append(error.code)
        return problem_details(record.request_id, error.status, error.code, error.title, str(error))
