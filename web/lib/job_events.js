// The live events of a job: by a ticket, as an EventSource sends no key.

import { ApiError, get, post } from "./api.js";
import { connection } from "./connection.js";

/** @typedef {{ epoch: number, epochs: number, loss: number, val_loss: number, r2_score: number, eta_seconds: number }} Epoch */
/** @typedef {import("../types").Schemas["JobReply"]} Job */

const PAUSE = 2000; // milliseconds before a stream that was closed is opened anew
const BETWEEN = 1500; // milliseconds between two looks at the job itself

/**
 * Follows a job until it has ended, also over lost connections.
 * @param {string} jobId
 * @param {{ epoch: (epoch: Epoch) => void, job: (job: Job) => void }} on `job`: its state, now and then
 * @param {AbortSignal} signal
 * @returns {Promise<Job>} the job that has ended
 */
export async function follow(jobId, on, signal) {
  for (;;) {
    const job = await get("/api/jobs/{job_id}", { job_id: jobId }, signal);
    on.job(job);
    try {
      await stream(jobId, on, signal); // of a job that has ended, all that there was
      if (!["queued", "running"].includes(job.status)) return job;
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 0 && error.status !== 503)) throw error;
      await connection.back(signal);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

/**
 * Returns at the end of a stream, whether the job has ended or not.
 * @param {string} jobId
 * @param {{ epoch: (epoch: Epoch) => void, job: (job: Job) => void }} on
 * @param {AbortSignal} signal
 */
async function stream(jobId, on, signal) {
  const ticket = await post("/api/jobs/{job_id}/events/ticket", /** @type {never} */ (undefined), { job_id: jobId }, { signal });
  await new Promise((/** @type {(value?: unknown) => void} */ resolve, reject) => {
    const source = new EventSource(new URL(ticket.url.slice(1), document.baseURI));
    const look = setInterval(() => {
      get("/api/jobs/{job_id}", { job_id: jobId }, signal).then(on.job).catch(() => undefined);
    }, BETWEEN);
    const end = () => {
      clearInterval(look);
      source.close();
    };
    signal.addEventListener("abort", () => {
      end();
      reject(new DOMException("left", "AbortError"));
    });
    source.addEventListener("epoch", (event) => on.epoch(JSON.parse(event.data)));
    source.addEventListener("status", (event) => {
      if (event.lastEventId !== "end") return;
      end();
      resolve();
    });
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return; // the browser connects again
      end();
      resolve();
    };
  });
}
