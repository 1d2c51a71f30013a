// @silvia-odwyer/photon-node: wasm-bindgen for Node, with a table of externref.
const { createHash } = require('node:crypto')
const photon = require('@silvia-odwyer/photon-node')

const [width, height] = [96, 64]
const pixels = Uint8Array.from({ length: width * height * 4 }, (_, i) => (i * 7 + (i >> 3)) & 255)
const image = new photon.PhotonImage(pixels, width, height)
const show = (name, it) =>
  console.log(name, it.get_width(), it.get_height(), createHash('sha1').update(it.get_raw_pixels()).digest('hex'))

show('as it is', image)
photon.grayscale(image)
show('gray', image)
photon.gaussian_blur(image, 2)
show('blurred', image)
show('smaller', photon.resize(image, 40, 20, 2))
show('turned', photon.rotate(image, 30))
console.log(image.get_base64().length)
