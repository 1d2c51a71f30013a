// Modules that are large in one respect each: the compile time may depend on more than their size.
import { FUNCTION_SHAPES } from './shape-functions.mjs'
import { SECTION_SHAPES } from './shape-sections.mjs'

export const SHAPES = { ...FUNCTION_SHAPES, ...SECTION_SHAPES }
