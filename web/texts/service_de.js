// The service's most frequent sentences in German; `{}` stands for what differs, numbered from 0 in the German.
// A sentence that is not here is shown as the service writes it, in English.

/** @type {[string, string][]} */
export const sentences = [
  // Refusals of any call.
  ["This takes the role `{}`; the key has `{}`.", "Dafür braucht es die Rolle {0}; der Schlüssel hat {1}."],
  ["This is no key of this service: they begin with lstm_.", "Das ist kein Schlüssel dieses Dienstes: Sie beginnen mit lstm_."],
  ["The key is not known here, or it was revoked.", "Der Schlüssel ist hier nicht bekannt oder wurde widerrufen."],
  ["The key has expired.", "Der Schlüssel ist abgelaufen."],
  ["There is no model {}.", "Das Modell {0} gibt es nicht."],
  ["There is no data set {}.", "Den Datensatz {0} gibt es nicht."],
  ["There is no job {}.", "Den Auftrag {0} gibt es nicht."],
  ["One caller may make at most {} {} requests a {} (RATE_{}); try again in {} s.", "Ein Aufrufer darf höchstens {0} Anfragen je {2} stellen; versuchen Sie es in {4} s noch einmal."],
  ["One caller may have at most {} jobs waiting (MAX_QUEUED_JOBS). Waiting: {}; this would add {}. Try again later, or cancel some of them.", "Ein Aufrufer darf höchstens {0} wartende Aufträge haben. Es warten {1}, dieser brächte {2} dazu. Versuchen Sie es später, oder brechen Sie einige ab."],
  ["No training worker is running. Start one with `python run.py worker`, with the same MODEL_STORE, DATA_STORE and DATABASE_URL as this server.", "Es läuft kein Worker. Auf dem Server startet ihn: python run.py worker, mit denselben MODEL_STORE, DATA_STORE und DATABASE_URL."],
  ["A key does not revoke itself: call with another key of the role `admin`.", "Ein Schlüssel widerruft sich nicht selbst: Nehmen Sie einen anderen mit der Rolle admin."],
  ["{} must be at most {} ({}). Received: {}.", "{0} darf höchstens {1} sein ({2}). Gegeben: {3}."],
  // Tables.
  ["The body is empty; it must be a table.", "Die Datei ist leer; sie muss eine Tabelle sein."],
  ["The content is neither Parquet, nor a spreadsheet, nor JSON, nor CSV: it is binary.", "Das ist keine Tabelle: weder CSV noch Excel, OpenDocument, Parquet oder JSON."],
  ["The content is neither Parquet, nor a spreadsheet, nor JSON, nor a CSV of which a line names its columns (date, plant, application, panel_size, wip, throughput, …).", "Das ist keine Tabelle, deren Spalten in einer Zeile benannt sind (Datum, Werk, Anwendung, Größe, Bestand, Durchsatz, …)."],
  ["The column {} is missing{} Needed are {} (day instead of date will do); `columns` names others.{}", "Die Spalte {0} fehlt. Gebraucht werden {2}; unten wählen Sie die Spalten der Tabelle."],
  ["{}: must be given, as {} has several readings: {}", "Das ist zu wählen, denn {1} lässt sich verschieden lesen: {2}"],
  ["{}: must be given, as {} in the column {} has two readings: {}", "Das ist zu wählen, denn {1} in der Spalte {2} lässt sich auf zwei Arten lesen: {3}"],
  ["At most {} {} steps in a row are interpolated; found {}.{}", "Höchstens {0} fehlende Schritte hintereinander werden ergänzt; gefunden: {2}.{3}"],
  ["A data set may have at most {} rows (MAX_ROWS). Received: {}", "Ein Datensatz darf höchstens {0} Zeilen haben. Es sind {1}"],
  ["A data set may have at most {} series (MAX_SERIES). Received: {}", "Ein Datensatz darf höchstens {0} Reihen haben. Es sind {1}"],
  ["The header of {} states {}; it was read as units per {}. `units` converts it.", "Die Überschrift von {0} nennt {1}; gelesen wurde Stück je {2}."],
  ["The column {} was not read; it resembles {}, which is missing: `columns` takes it for {}.", "Die Spalte {0} wurde nicht gelesen; sie ähnelt {1}, die fehlt."],
  ["On more than half of the days nothing leaves a series: step=week gives steadier series.", "An mehr als der Hälfte der Tage wird in einer Reihe nichts fertig: Mit dem Schritt Woche werden die Reihen ruhiger."],
  ["{} rows differ from stored ones: {} of {}, {} is given. Send replace=true to put them in place of the stored rows. Nothing was changed.", "{0} Zeilen weichen von gespeicherten ab: {1} von {2}, gegeben ist {3}. Es wurde nichts geändert."],
  // Quality.
  ["{} of {} series have fewer than {} known cycle times: Little's Law cannot be judged.", "{0} von {1} Reihen haben weniger als {2} bekannte Durchlaufzeiten: Littles Gesetz lässt sich nicht beurteilen."],
  ["{} of {} series are too short for their cycle times, or pile up: deviations above {} could hide{}. Provide more steps.", "{0} von {1} Reihen sind zu kurz für ihre Durchlaufzeiten oder stauen sich: Abweichungen über {2} blieben verborgen. Mehr Schritte helfen."],
  ["{} outliers ({}), the strongest {} {} of {} on {}, where {} to {} were to be expected: correct them if they are mistakes.", "{0} Ausreißer ({1}), der stärkste {2} {3} von {4} am {5}, wo {6} bis {7} zu erwarten waren: Berichtigen Sie sie, wenn es Fehler sind."],
  // Forecasts.
  ["{} {} is {} all that was seen of this series ({}): the forecast is an extrapolation, and its confidence is multiplied by {}, the share of the change that the data has shown.", "{0} {1} liegt außerhalb von allem, was diese Reihe je hatte ({3}): Die Prognose geht über die Daten hinaus, und ihre Sicherheit ist entsprechend geringer."],
  ["plannedThroughput {} is {} than the line has ever put out in a step ({}): it is followed as far as capacity and WIP allow.", "Der geplante Durchsatz {0} ist außerhalb dessen, was die Linie je in einem Schritt schaffte ({2}): Er gilt, soweit Kapazität und WIP reichen."],
  ["The balance of the flow does not hold in this forecast: the change of WIP differs from releases − throughput by {} of the throughput.", "In dieser Prognose geht die Bilanz nicht auf: Die Änderung des WIP weicht um {0} des Durchsatzes von Einlastung − Durchsatz ab."],
  ["No cycle times of this series were given: those of the forecast are derived from WIP and throughput by Little's Law, over seven steps.", "Die Daten haben keine Durchlaufzeiten: Die der Prognose folgen nach Littles Gesetz aus WIP und Durchsatz, über sieben Schritte."],
  ["The last {}, {}, is far beyond the usual changes of this series: the forecast starts from {}. If it is right, it will be believed once the next step confirms it.", "Der letzte Wert ({0}: {1}) liegt weit außerhalb der üblichen Änderungen dieser Reihe: Die Prognose geht von {2} aus. Stimmt er, gilt er, sobald der nächste Schritt ihn bestätigt."],
  ["The rows of this series end on {}, {} steps before the newest rows of the model ({}); the forecast begins there. Send newer rows as `history`, if there are any.", "Die Zeilen dieser Reihe enden am {0}, {1} Schritte vor den neuesten Zeilen des Modells ({2}); dort beginnt die Prognose. Ergänzen Sie neuere Zeilen, wenn es welche gibt."],
  ["The forecast puts out {} of the {} units wanted within {} periods.", "Die Prognose schafft {0} der gewünschten {1} Stück in {2} Schritten."],
  ["Raise throughput by {} to {} per period, or allow about {} periods.", "Erhöhen Sie den Durchsatz um {0} auf {1} je Schritt, oder rechnen Sie mit etwa {2} Schritten."],
  ["{}: throughput {} is above {}, the most this series has ever put out.", "{0}: Der Durchsatz {1} liegt über {2}, dem höchsten, den diese Reihe je hatte."],
  ["{}: plan with {}, or provide {} of capacity more.", "{0}: Planen Sie mit {1}, oder schaffen Sie {2} mehr Kapazität."],
  ["{}: mean WIP {} and mean throughput × cycle time {} are {} apart; Little's Law allows {}.", "{0}: Der mittlere WIP {1} und das Mittel von Durchsatz × Durchlaufzeit {2} liegen {3} auseinander; Littles Gesetz erlaubt {4}."],
  ["A cycle time of {} is longer than the horizon of {}: nothing released now leaves within it.", "Eine Durchlaufzeit von {0} ist länger als der Zeitraum von {1}: Was jetzt eingelastet wird, wird darin nicht fertig."],
  ["Cap WIP at {} (throughput {} × horizon {}) so that what is released leaves within the horizon.", "Begrenzen Sie den WIP auf {0} (Durchsatz {1} × Zeitraum {2}), damit fertig wird, was eingelastet wird."],
  // Trainings and backtests.
  ["{} is left out: its {} training steps are too few for a window of {} and the step after it.", "{0} ist ausgelassen: {1} Schritte sind zu wenige für einen Rückblick von {2} und den Schritt danach."],
  ["{}: must be shorter than the training part of at least one series; the longest has {} steps", "Der Rückblick muss kürzer sein als die längste Reihe, deren Trainingsteil {1} Schritte hat"],
  ["The LSTM learned next to nothing: its loss fell from {} to {} in {} epochs. Either there is nothing to learn beyond the last value, or a larger learningRate is needed; the forecast does not depend on it.", "Das LSTM hat fast nichts gelernt: Der Fehler fiel von {0} auf {1} in {2} Epochen. Entweder ist über den letzten Wert hinaus nichts zu lernen, oder die Lernrate ist zu klein; die Prognose hängt nicht davon ab."],
  ["The training needs more memory than its worker may use. A smaller batchSize, sequenceLength, lstmUnits1 or lstmUnits2 needs less.", "Das Training braucht mehr Speicher, als der Worker nutzen darf. Kleinere Batches, ein kürzerer Rückblick oder weniger Einheiten brauchen weniger."],
  ["The job failed, and its worker ended before it recorded why.", "Der Auftrag ist gescheitert, und sein Worker endete, bevor er den Grund festhielt."],
  ["Some forecasts are of steps that the model has used in part ({}; see `parts`): expect somewhat larger errors on new days. A backtest on newer data (datasetId) measures them.", "Einen Teil dieser Zeit hat das Modell selbst benutzt: An neuen Tagen sind die Fehler etwas größer. Ein Rückvergleich mit neueren Daten misst sie."],
  ["The data set that model {} was trained on, {}, is deleted. Name another one as datasetId.", "Der Datensatz, mit dem das Modell {0} trainiert wurde, ist gelöscht."],
];
