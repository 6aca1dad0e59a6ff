// The marks of the four kinds: a colour and a shape each, so that colour is never the only sign.
// Demonstration places are hollow. The legend and the lists draw the same shapes (templates/_macros.html).

const SIZE = 26; // CSS pixels of the image
const RATIO = 2;

const SHAPES = {
  merchant: (path) => path.roundRect(6, 6, 14, 14, 2.5),
  service: (path) => path.arc(13, 13, 7.6, 0, 2 * Math.PI),
  association: (path) => polygon(path, [[13, 4.5], [21.5, 20], [4.5, 20]]),
  project: (path) => polygon(path, [[13, 3.5], [22.5, 13], [13, 22.5], [3.5, 13]]),
};

export const KINDS = Object.keys(SHAPES);

function polygon(path, corners) {
  for (const [x, y] of corners) path.lineTo(x, y);
  path.closePath();
}

function draw(kind, colour, halo, hollow) {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIZE * RATIO;
  const pen = canvas.getContext('2d');
  pen.scale(RATIO, RATIO);
  pen.lineJoin = 'round';
  const path = new Path2D();
  SHAPES[kind](path);
  pen.strokeStyle = halo;
  pen.lineWidth = hollow ? 6 : 3.5;
  pen.stroke(path);
  pen.fillStyle = hollow ? halo : colour;
  pen.fill(path);
  if (hollow) {
    pen.strokeStyle = colour;
    pen.lineWidth = 2.6;
    pen.stroke(path);
  }
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

/** Gives the map its eight images, `kind` and `kind-demo`, in the colours of the theme. */
export function putMarks(map, tokens) {
  for (const kind of KINDS) {
    for (const hollow of [false, true]) {
      const name = hollow ? `${kind}-demo` : kind;
      const image = draw(kind, tokens[kind], tokens.halo, hollow);
      if (map.hasImage(name)) map.updateImage(name, image);
      else map.addImage(name, image, {pixelRatio: RATIO});
    }
  }
}
