// Goal: the simulator finds mistakes in the shipped source of shared fences, and repeats the seed.
// Method: builds the source with one mistake each, and runs seeds until one shows it.
import { testMistakes } from '../helpers/simulated.js'

testMistakes('board')
