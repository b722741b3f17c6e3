// Draws the texts in a directory: `node draw.mjs DIRECTORY NODE_MODULES`.
//
// NAME.md is a job summary, NAME.error an annotation (its title is the first line): HTML pages with GitHub's stylesheet.
// NAME.log is a log, NAME.ansi the output of a terminal: SVG.

import { createRequire } from 'node:module'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'

const [directory, modules] = process.argv.slice(2)
const require = createRequire(join(modules, 'x.js'))
const Markdown = require('markdown-it')
const css = (theme) => readFileSync(join(modules, `github-markdown-css/github-markdown-${theme}.css`), 'utf8')

const themes = {
  light: { text: '#1f2328', faint: '#59636e', page: '#ffffff', header: '#f6f8fa', border: '#d1d9e0', red: '#d1242f',
    green: '#1a7f37', yellow: '#9a6700', blue: '#0969da', cyan: '#1b7c83' },
  dark: { text: '#f0f6fc', faint: '#9198a1', page: '#0d1117', header: '#151b23', border: '#3d444d', red: '#f85149',
    green: '#3fb950', yellow: '#d29922', blue: '#4493f8', cyan: '#39c5cf' }
}

const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')

function page(theme, title, body) {
  const c = themes[theme]
  // `data-height` tells `make` how high the page is.
  return `<!doctype html><html><head><meta charset="utf-8"><style>${css(theme)}
    html { background: ${c.page} }
    body { margin: 0; padding: 1px; box-sizing: border-box; width: 760px }
    .box { border: 1px solid ${c.border}; border-radius: 6px; overflow: hidden }
    .title { background: ${c.header}; border-bottom: 1px solid ${c.border}; padding: 10px 16px; color: ${c.text};
      font: 600 14px/20px "Noto Sans", sans-serif }
    .markdown-body { padding: 16px 24px; font-size: 14px }
    .markdown-body > :last-child { margin-bottom: 0 !important }
    .markdown-body h3 { margin-top: 0 }
    .annotation { display: flex; gap: 12px; padding: 16px; font-size: 14px }
    .annotation svg { flex: none; margin-top: 2px; fill: ${c.red} }
    .annotation .text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 21px }
    </style></head><body><div class="box"><div class="title">${title}</div>${body}</div>
    <script>document.documentElement.dataset.height = Math.ceil(document.body.getBoundingClientRect().height)</script>
    </body></html>`
}

function summary(text, theme) {
  return page(theme, 'deploy summary', `<div class="markdown-body">${Markdown({ html: true }).render(text)}</div>`)
}

function annotation(text, theme) {
  const [title, ...lines] = text.trimEnd().split('\n')
  // A circle with an exclamation mark, drawn here.
  const icon = `<svg width="16" height="16"><path fill-rule="evenodd" d="M8 0a8 8 0 1 1 0 16A8 8 0 0 1 8 0Zm0 1.5a6.5 6.5 0 1 0 0 13
    6.5 6.5 0 0 0 0-13ZM7.25 4h1.5v5h-1.5V4ZM8 10.5a1 1 0 1 1 0 2 1 1 0 0 1 0-2Z"/></svg>`
  const body = `<div class="markdown-body annotation">${icon}<div class="text"><b>${escape(title)}</b>\n${escape(lines.join('\n'))}</div></div>`
  return page(theme, 'Annotations: 1 error', body)
}

// The parts of a line: text, and the terminal's code for how it looks.
function spans(line) {
  const parts = line.split(/\x1b\[(\d+)m/)
  return parts.map((text, i) => i % 2 ? null : { text, code: i ? parts[i - 1] : '0' }).filter((part) => part?.text)
}

function wrap(line, width) {
  const lines = ['']
  for (const word of line.split(/(?<= )/)) {
    if ((lines.at(-1) + word).trimEnd().length > width && lines.at(-1).trim()) lines.push('    ')
    lines.push(lines.pop() + word)
  }
  return lines
}

function terminal(text, theme) {
  const c = themes[theme]
  const color = { 0: c.text, 1: c.text, 2: c.faint, 31: c.red, 32: c.green, 33: c.yellow, 34: c.blue, 36: c.cyan }
  const [columns, size, height, margin] = [101, 12, 16, 16]
  const lines = text.trimEnd().split('\n').flatMap((line) => line.includes('\x1b') ? [line] : wrap(line, columns))
  const width = Math.round(columns * size * 0.602) + 2 * margin
  const total = lines.length * height + 2 * margin - 4
  // Each piece of text starts at its own column, so that a font with other widths keeps frames aligned.
  const rows = lines.map((line, row) => {
    let column = 0
    return spans(line).map(({ text, code }) => {
      const x = (margin + column * size * 0.602).toFixed(1)
      column += [...text].length
      const weight = code === '1' ? ' font-weight="600"' : ''
      const start = text.length - text.trimStart().length
      if (!text.trim()) return ''
      const shifted = (Number(x) + start * size * 0.602).toFixed(1)
      return `<text x="${shifted}" y="${margin + row * height + 10}" fill="${color[code] ?? c.text}"${weight}>${escape(text.trim())}</text>`
    }).join('')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${total}" viewBox="0 0 ${width} ${total}">
<rect x=".5" y=".5" width="${width - 1}" height="${total - 1}" rx="6" fill="${c.page}" stroke="${c.border}"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', 'DejaVu Sans Mono', monospace" font-size="${size}">
${rows.filter(Boolean).join('\n')}
</g></svg>
`
}

const drawings = { '.md': [summary, 'html'], '.error': [annotation, 'html'], '.log': [terminal, 'svg'], '.ansi': [terminal, 'svg'] }
for (const file of readdirSync(directory)) {
  const [draw, format] = drawings[extname(file)] ?? []
  if (!draw) continue
  for (const theme of Object.keys(themes)) {
    const text = readFileSync(join(directory, file), 'utf8')
    writeFileSync(join(directory, `${basename(file, extname(file))}-${theme}.${format}`), draw(text, theme))
  }
}
