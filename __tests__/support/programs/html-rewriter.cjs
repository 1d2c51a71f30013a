// html-rewriter-wasm: wasm-bindgen for Node, with a stack that is unwound and wound up again around promises.
const { HTMLRewriter } = require('html-rewriter-wasm')

void (async () => {
  let text = ''
  const decoder = new TextDecoder()
  const rewriter = new HTMLRewriter((chunk) => {
    text += decoder.decode(chunk)
  })
  rewriter.on('p', {
    async element(element) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      element.setAttribute('class', `seen ${element.getAttribute('class') ?? ''}`)
      element.append(`<b>${element.tagName}</b>`, { html: true })
    },
    comments: (comment) => void comment.remove(),
    text: (chunk) => void (chunk.lastInTextNode && chunk.after('!')),
  })
  rewriter.onDocument({ end: (end) => void end.append('<!--end-->', { html: true }) })
  const write = (part) => rewriter.write(new TextEncoder().encode(part))
  await write('<!DOCTYPE html><p>one<!-- no --></p><div><p cl')
  await write('ass="x">two</p></div>')
  await rewriter.end()
  rewriter.free()
  console.log(text)
  const failing = new HTMLRewriter(() => {})
  failing.on('p', {
    element() {
      throw new RangeError('of the handler')
    },
  })
  await failing.write(new TextEncoder().encode('<p>')).catch((error) => console.log(String(error)))
})()
