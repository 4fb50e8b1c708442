import { Problem } from "./problem.js";

const QUALITY = 0.95;

/**
 * Let the person take a picture.
 *
 * @returns {Promise<File | null>} Nothing if they leave.
 * @throws {Problem} There is no camera, or it may not be used.
 */
export async function photograph() {
  const stream = await opened();
  const dialog = document.querySelector("#camera");
  const video = dialog.querySelector("video");
  try {
    video.srcObject = stream;
    dialog.showModal();
    if ((await decision(dialog)) !== "take") return null;
    return await still(video);
  } finally {
    dialog.close();
    video.srcObject = null;
    stream.getTracks().forEach((track) => track.stop());
  }
}

async function opened() {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    const refused = error.name === "NotAllowedError";
    throw new Problem(
      refused ? "The camera may not be used" : "There is no camera",
      refused ? "Allow it in the browser, or choose a picture." : "Choose a picture instead.",
      { status: 404 },
    );
  }
}

function decision(dialog) {
  return new Promise((decide) => {
    dialog.onclose = () => decide("leave"); // Escape
    for (const button of dialog.querySelectorAll("button")) {
      button.onclick = () => decide(button.value);
    }
  });
}

async function still(video) {
  if (!video.videoWidth) await new Promise((ready) => (video.onloadeddata = ready));
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
  return new File([blob], "camera.jpg", { type: blob.type });
}
