// What a person drops, pastes or picks, turned into something the model takes.

const MOST_BYTES = 4 * 1024 * 1024;
const LEAST_SIDE = 64;
const MOST_SIDE = 4096;
const MOST_ASPECT = 20;
const QUALITIES = [0.92, 0.85, 0.75, 0.6];

/** A sentence for the person who chose the file. */
export class Unusable extends Error {}

/**
 * {blob, url, width, height, note}: a PNG or JPEG as it is where the model takes it, else drawn anew as a JPEG.
 *
 * A JPEG that a camera has turned is drawn upright, since the model would see it as it is stored.
 */
export async function prepare(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Unusable("This file cannot be read as an image.");
  }
  try {
    const { width, height } = bitmap;
    if (Math.min(width, height) < LEAST_SIDE) {
      throw new Unusable(`The image has ${width} × ${height} pixels; each side needs at least ${LEAST_SIDE}.`);
    }
    if (Math.max(width, height) > MOST_ASPECT * Math.min(width, height)) {
      throw new Unusable(`One side is more than ${MOST_ASPECT} times the other: ${width} × ${height} pixels.`);
    }
    const why = await reason(file, width, height);
    if (!why) return told(file, width, height, "");
    return await redrawn(bitmap, why);
  } finally {
    bitmap.close();
  }
}

/** Why a file cannot be sent as it is; empty where it can. */
async function reason(file, width, height) {
  const head = new Uint8Array(await file.slice(0, 256 * 1024).arrayBuffer());
  const isPng = head[0] === 0x89 && head[1] === 0x50 && head[2] === 0x4e && head[3] === 0x47;
  const isJpeg = head[0] === 0xff && head[1] === 0xd8;
  if (!isPng && !isJpeg) return "it is neither PNG nor JPEG";
  if (file.size > MOST_BYTES) return "it is larger than 4 MB";
  if (Math.max(width, height) > MOST_SIDE) return `a side is longer than ${MOST_SIDE} pixels`;
  if (isJpeg && orientation(head) !== 1) return "the camera was turned";
  return "";
}

async function redrawn(bitmap, why) {
  const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // a JPEG knows no transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  for (const quality of QUALITIES) {
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
    if (blob && blob.size <= MOST_BYTES) {
      const note = `Sent as a JPEG of ${canvas.width} × ${canvas.height} pixels, since ${why}.`;
      return told(blob, canvas.width, canvas.height, note);
    }
  }
  throw new Unusable("The image stays larger than 4 MB as a JPEG too: make it smaller.");
}

function told(blob, width, height, note) {
  return { blob, url: URL.createObjectURL(blob), width, height, note };
}

/** The orientation that EXIF tells (tag 0x0112 of the first directory), 1 to 8; 1 where it tells none. */
export function orientation(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 4 <= view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    const length = view.getUint16(at + 2);
    if (marker === 0xda || length < 2) return 1;
    if (marker === 0xe1 && at + 18 <= view.byteLength && view.getUint32(at + 4) === 0x45786966) {
      return ofDirectory(view, at + 10);
    }
    at += 2 + length;
  }
  return 1;
}

function ofDirectory(view, start) {
  const little = view.getUint16(start) === 0x4949;
  const first = start + view.getUint32(start + 4, little);
  if (first + 2 > view.byteLength) return 1;
  const count = view.getUint16(first, little);
  for (let n = 0; n < count; n++) {
    const entry = first + 2 + 12 * n;
    if (entry + 10 > view.byteLength) return 1;
    if (view.getUint16(entry, little) === 0x0112) {
      const value = view.getUint16(entry + 8, little);
      return value >= 1 && value <= 8 ? value : 1;
    }
  }
  return 1;
}

/** The bytes of a blob in base64. */
export function base64(blob) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(blob);
  });
}
