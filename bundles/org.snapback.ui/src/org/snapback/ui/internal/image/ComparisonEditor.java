// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.image;

import java.util.List;
import org.eclipse.jface.layout.GridDataFactory;
import org.eclipse.jface.layout.GridLayoutFactory;
import org.eclipse.swt.SWT;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.swt.widgets.Label;
import org.eclipse.ui.PlatformUI;
import org.snapback.core.image.ImageDifference;
import org.snapback.ui.internal.FactTable;
import org.snapback.ui.internal.FactTable.Column;
import org.snapback.ui.internal.Messages;

/** Shows in what two images differ. */
public final class ComparisonEditor extends ReadOnlyEditor {

    public static final String ID = "org.snapback.ui.comparison";

    private FactTable<ImageDifference> table;

    @Override
    public void createPartControl(Composite parent) {
        ComparisonInput input = (ComparisonInput) getEditorInput();
        GridLayoutFactory.fillDefaults().margins(4, 4).applyTo(parent);
        Label summary = new Label(parent, SWT.NONE);
        summary.setText(summary(input));
        GridDataFactory.fillDefaults().grab(true, false).applyTo(summary);
        Composite holder = new Composite(parent, SWT.NONE);
        GridDataFactory.fillDefaults().grab(true, true).applyTo(holder);
        table = new FactTable<>(holder, input.getName(), columns(input));
        table.show(input.differences());
        PlatformUI.getWorkbench().getHelpSystem().setHelp(parent, "org.snapback.ui.comparison");
    }

    private static String summary(ComparisonInput input) {
        int count = input.differences().size();
        return count == 0 ? Messages.compareSame : Messages.bind(Messages.compareCount, count);
    }

    private static List<Column<ImageDifference>> columns(ComparisonInput input) {
        return List.of(
                Column.text(Messages.compareKind, 12, 0, difference -> ImageText.kind(difference.kind())),
                Column.text(Messages.compareWhat, 24, 2, ImageDifference::what),
                Column.text(input.leftLabel(), 24, 4, ImageDifference::left),
                Column.text(input.rightLabel(), 24, 4, ImageDifference::right));
    }

    @Override
    public void setFocus() {
        table.table().setFocus();
    }
}
